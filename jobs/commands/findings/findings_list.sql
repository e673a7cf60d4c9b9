-- What first: by severity, production before test (what is about the runner counts as production), keys in use before
-- idle ones, oldest first. A filter that is null drops out when the statement is planned.
select f.uid, f.check_id, f.severity::bigint as severity, f.status, f.key_id, f.detail, f.episode::bigint as episode,
       keyrota.micros(f.opened_at) as opened_at, keyrota.micros(f.due_at) as due_at,
       keyrota.micros(f.resolved_at) as resolved_at, f.resolution,
       coalesce(w.approved_by, f.decided_by) as decided_by, coalesce(w.reason, f.decided_why) as decided_why,
       w.name as waiver, keyrota.micros(w.expires_at) as waived_until, f.evidence::text as evidence,
       k.prefix || '...' || k.hint as masked, k.name, k.environment, o.email as owner, t.name as team,
       keyrota.micros(a.last_used_at) as last_used_at, keyrota.micros(greatest(f.changed_at, f.decided_at, f.resolved_at)) as changed_at,
       o.name as owner_name, to_json(k.scopes)::text as scopes, k.type
  from keyrota.finding f
  left join keyrota.waiver w on f.status = 'waived' and w.waiver_id = f.waiver_id
  left join keyrota.api_key k on k.key_id = f.key_id
  left join keyrota.api_key_activity a on a.key_id = f.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
  left join keyrota.team t on t.team_id = o.team_id
 where (cast(:status as text) = 'all' or f.status = :status or (:status = 'unresolved' and f.status <> 'resolved'))
   and (cast(:check_id as text) is null or f.check_id = :check_id)
   and (cast(:checks as text[]) is null or f.check_id = any (cast(:checks as text[])))
   and (cast(:key_id as bigint) is null or f.key_id = :key_id)
   and (cast(:owner_id as bigint) is null or o.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null or t.team_id = :team_id)
   and (cast(:environment as text) is null or k.environment = :environment)
   and (cast(:severity as int) is null or f.severity >= :severity)
 order by f.severity desc, (k.environment is distinct from 'test') desc, a.last_used_at desc nulls last, f.opened_at,
          f.key_id, f.uid
 limit cast(:limit as bigint)
