-- The other half of a standing pass: findings that the check no longer returns. Walks finding_unresolved_idx.
insert into keyrota.plan_item (run_id, key_id, check_id, detail, uid, change)
select cast(:run_id as bigint), f.key_id, f.check_id, f.detail, f.uid, 'resolve'
  from keyrota.finding f
 where f.check_id = :check_id and f.status <> 'resolved'
   and not exists (select from pg_temp.check_result r where r.key_id = f.key_id and r.detail = f.detail)
