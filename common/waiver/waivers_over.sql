-- No waiver names this incremental check: those of its findings that one covered are to be opened again. Reads
-- finding_waived_idx.
insert into pg_temp.check_result (key_id, detail, severity, action, due_at, evidence)
select f.key_id, f.detail, f.severity, null, f.due_at, f.evidence
  from keyrota.finding f
 where f.check_id = :check_id and f.status = 'waived' and f.waiver_id is not null
   and not exists (select from pg_temp.check_result r where r.key_id = f.key_id and r.detail = f.detail)
