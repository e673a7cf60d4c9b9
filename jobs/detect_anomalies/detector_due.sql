-- The keys to step: those with new hours (a BRIN index knows where these are), and silent ones whose silence would alarm by
-- now. Hours of keys that are gone stay where they are.
insert into pg_temp.detector_due (key_id)
select due.key_id
  from (select h.key_id from keyrota.usage_hour h
         where h.hour >= coalesce(keyrota.instant(:from), '-infinity') and h.hour < keyrota.instant(:until)
         union
        select s.key_id from keyrota.detector_state s where s.next_due_at < keyrota.instant(:until)) due
 order by 1
