-- The diff: what the check returned against what is already known. A finding that simply still holds makes no item,
-- unless an action is still owed. Imported keys (few, by api_key_imported_idx) get findings, never actions.
-- Known findings are found by what they are about, not by uid: hashing two million of them to learn that nothing changed
-- took longer than all the rest.
insert into keyrota.plan_item (run_id, key_id, check_id, detail, uid, change, severity, action, due_at, evidence)
select cast(:run_id as bigint), key_id, cast(:check_id as text), detail,
       coalesce(uid, keyrota.finding_uid(cast(:check_id as text), key_id, detail)), change, severity, action, due_at, evidence
  from (select r.key_id, r.detail, f.uid, r.severity, r.due_at, r.evidence,
               case when imported.key_id is null then r.action end as action,
               case when f.key_id is null then 'open'
                    when f.status = 'resolved' then 'reopen'
                    when f.severity <> r.severity or f.due_at is distinct from r.due_at then 'change'
                    else 'none' end as change
          from pg_temp.check_result r
          left join keyrota.finding f on f.key_id = r.key_id and f.detail = r.detail and f.check_id = :check_id
          left join keyrota.api_key imported on imported.key_id = r.key_id and imported.source <> 'native') d
 where change <> 'none' or action is not null
