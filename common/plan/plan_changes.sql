-- The diff: what the check returned against what is already known. A finding that simply still holds makes no item,
-- unless an action is still owed; with :absence, an unresolved one that was not returned is to be resolved (without it
-- the planner sees a plain left join). Where a check does not know (severity null) nothing changes. Imported keys (few, by
-- api_key_imported_idx) get findings, never actions.
-- Known findings are matched by what they are about, and uid is computed for items only: hashing two million of them to
-- learn that nothing changed took longer than all the rest. That a waiver came or is over is a change, too.
-- Items are written in the order in which batches take them; a standing pass returns keys in about that order, and
-- sorting millions would cost it more than it saves.
-- Of a key that has lost its rule since the run began checks see nothing: its findings stay as they are.
insert into keyrota.plan_item (run_id, key_id, check_id, detail, uid, change, severity, action, due_at, evidence, waiver_id)
select cast(:run_id as bigint), key_id, cast(:check_id as text), detail,
       keyrota.finding_uid(cast(:check_id as text), key_id, detail), change, severity, action, due_at, evidence,
       waiver_id
  from (select coalesce(r.key_id, f.key_id) as key_id, coalesce(r.detail, f.detail) as detail, r.severity, r.due_at,
               r.evidence, r.waiver_id,
               case when imported.key_id is null and r.severity is not null then r.action end as action,
               case when r.key_id is null and unruled.key_id is not null then 'none'
                    when r.key_id is null then 'resolve'
                    when r.severity is null then 'none'
                    when f.key_id is null then 'open'
                    when f.status = 'resolved' then 'reopen'
                    when f.severity <> r.severity or f.due_at is distinct from r.due_at
                         or f.waiver_id is distinct from r.waiver_id then 'change'
                    else 'none' end as change
          from pg_temp.check_result r
          full join (select key_id, detail, status, severity, due_at, waiver_id
                       from keyrota.finding
                      where check_id = :check_id and key_id between :first and :last) f on f.key_id = r.key_id and f.detail = r.detail
          left join keyrota.api_key imported on imported.key_id = r.key_id and imported.source <> 'native'
          left join keyrota.api_key unruled on unruled.key_id = f.key_id and unruled.policy_rule_id is null
         where r.key_id is not null or (cast(:absence as int) = 1 and f.status <> 'resolved')) d
 where change <> 'none' or action is not null
 order by case when cast(:absence as int) = 0 then key_id end
