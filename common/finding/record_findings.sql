-- Writes the opened and changed findings of a batch; with resolution `acted` those whose action was just applied, closed
-- at once. A finding that holds again within 7 days of resolving by absence goes on with its episode. What people said
-- (acknowledged, waived by hand) stays. What a waiver covers is waived, and open again when the waiver is over, which
-- the row then tells.
insert into keyrota.finding as f
       (key_id, uid, check_id, detail, status, resolution, severity, due_at, evidence, opened_at, changed_at, resolved_at,
        run_id, waiver_id)
select p.key_id, p.uid, p.check_id, p.detail,
       case when acted then 'resolved' when p.waiver_id is not null then 'waived' else 'open' end,
       case when acted then 'acted' end, p.severity, p.due_at, p.evidence, at, at, case when acted then at end, p.run_id,
       p.waiver_id
  from keyrota.plan_item p,
       (select cast(:acted as int) = 1 as acted, keyrota.instant(:as_of) as at) run
 where p.run_id = :run_id and p.check_id = :check_id and p.key_id between :first and :last
   and p.key_id = any (cast(:ids as bigint[]))
   and (p.action is not null) = acted and p.change <> 'resolve'
    on conflict (key_id, uid) do update
   set episode = f.episode + (case when f.status <> 'resolved' then 0
                                   when f.resolution = 'absence' and f.resolved_at > excluded.opened_at - interval '7 days'
                                   then 0 else 1 end),
       opened_at = case when f.status <> 'resolved' then f.opened_at
                        when f.resolution = 'absence' and f.resolved_at > excluded.opened_at - interval '7 days'
                        then f.opened_at else excluded.opened_at end,
       status = case when excluded.status = 'open'
                          and (f.status = 'acknowledged' or (f.status = 'waived' and f.waiver_id is null)) then f.status
                     else excluded.status end,
       resolution = excluded.resolution, severity = excluded.severity, due_at = excluded.due_at,
       evidence = excluded.evidence, changed_at = excluded.changed_at, resolved_at = excluded.resolved_at,
       run_id = excluded.run_id, waiver_id = excluded.waiver_id,
       decided_by = case when f.status = 'waived' and excluded.status = 'open' and f.waiver_id is not null
                         then (select w.approved_by from keyrota.waiver w where w.waiver_id = f.waiver_id)
                         else f.decided_by end,
       decided_at = case when f.status = 'waived' and excluded.status = 'open' and f.waiver_id is not null
                         then excluded.changed_at else f.decided_at end,
       decided_why = case when f.status = 'waived' and excluded.status = 'open' and f.waiver_id is not null
                          then keyrota.waiver_is_over(f.waiver_id, excluded.changed_at) else f.decided_why end
