-- The keys to step whose hours are read from usage_hour key by key: at first all there are; after the detector stood still, those
-- with new hours and silent ones whose silence would alarm by now. Of these the worker's share, every so-many-th stretch of 4,096
-- ids. Hours of keys that are gone stay where they are.
insert into pg_temp.detector_due (key_id)
select due.key_id
  from (select k.key_id from keyrota.api_key k where cast(:from as bigint) is null
         union
        select h.key_id from keyrota.usage_hour h
         where h.hour >= keyrota.instant(:from) and h.hour < keyrota.instant(:until)
         union
        select s.key_id from keyrota.detector_state s where s.next_due_at < keyrota.instant(:until)) due
 where (due.key_id >> 12) % cast(:workers as bigint) = cast(:worker as bigint)
 order by 1
