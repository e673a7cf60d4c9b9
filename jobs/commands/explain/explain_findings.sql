-- Findings of one key: unresolved ones first, then the newest.
select f.uid, f.check_id, f.severity::bigint as severity, f.status, f.episode::bigint as episode,
       keyrota.micros(f.opened_at) as opened_at, keyrota.micros(f.due_at) as due_at,
       keyrota.micros(f.resolved_at) as resolved_at, f.resolution, coalesce(w.approved_by, f.decided_by) as decided_by,
       coalesce(w.reason, f.decided_why) as decided_why, w.name as waiver, keyrota.micros(w.expires_at) as waived_until
  from keyrota.finding f
  left join keyrota.waiver w on f.status = 'waived' and w.waiver_id = f.waiver_id
 where f.key_id = :key_id
 order by f.status = 'resolved', f.severity desc, f.changed_at desc, f.uid
