-- A finding by the beginning of its uid; several mean that it is too short. Reads the table (see its definition).
select f.key_id, f.uid, f.check_id, f.detail, f.severity::bigint as severity, f.status, f.episode::bigint as episode,
       keyrota.micros(f.opened_at) as opened_at, keyrota.micros(f.changed_at) as changed_at,
       keyrota.micros(f.due_at) as due_at, keyrota.micros(f.resolved_at) as resolved_at, f.resolution,
       coalesce(w.approved_by, f.decided_by) as decided_by, keyrota.micros(coalesce(w.created_at, f.decided_at)) as decided_at,
       coalesce(w.reason, f.decided_why) as decided_why, w.name as waiver, keyrota.micros(w.expires_at) as waived_until,
       f.run_id, f.evidence::text as evidence,
       k.prefix || '...' || k.hint as masked, k.name, k.environment, o.email as owner
  from keyrota.finding f
  left join keyrota.waiver w on f.status = 'waived' and w.waiver_id = f.waiver_id
  left join keyrota.api_key k on k.key_id = f.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
 where starts_with(f.uid, :beginning)
 limit 2
