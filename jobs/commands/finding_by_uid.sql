-- A finding by the beginning of its uid; several mean that it is too short. Reads the table (see its definition).
select f.key_id, f.uid, f.check_id, f.detail, f.severity::bigint as severity, f.status, f.episode::bigint as episode,
       keyrota.micros(f.opened_at) as opened_at, keyrota.micros(f.changed_at) as changed_at,
       keyrota.micros(f.due_at) as due_at, keyrota.micros(f.resolved_at) as resolved_at, f.resolution, f.decided_by,
       keyrota.micros(f.decided_at) as decided_at, f.decided_why, f.run_id, f.evidence::text as evidence,
       k.prefix || '...' || k.hint as masked, k.name, k.environment, o.email as owner
  from keyrota.finding f
  left join keyrota.api_key k on k.key_id = f.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
 where starts_with(f.uid, :beginning)
 limit 2
