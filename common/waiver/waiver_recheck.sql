-- What an incremental check did not return anew: its findings for which a waiver came, went, or took another's place.
insert into pg_temp.check_result (key_id, detail, severity, action, due_at, evidence)
select f.key_id, f.detail, f.severity, null, f.due_at, f.evidence
  from keyrota.finding f
  left join (select distinct on (w.key_id) w.key_id, w.waiver_id
               from keyrota.waived_keys(:check_id, keyrota.instant(:as_of)) w
               join keyrota.finding about on about.key_id = w.key_id
              where about.check_id = :check_id and about.status <> 'resolved'
              order by w.key_id, w.expires_at desc, w.waiver_id) covered on covered.key_id = f.key_id
 where f.check_id = :check_id and f.status <> 'resolved' and covered.waiver_id is distinct from f.waiver_id
   and not exists (select from pg_temp.check_result r where r.key_id = f.key_id and r.detail = f.detail)
