-- Findings of one key: unresolved ones first, then the newest.
select uid, check_id, severity::bigint as severity, status, episode::bigint as episode,
       keyrota.micros(opened_at) as opened_at, keyrota.micros(due_at) as due_at,
       keyrota.micros(resolved_at) as resolved_at, resolution, decided_by, decided_why
  from keyrota.finding
 where key_id = :key_id
 order by status = 'resolved', severity desc, changed_at desc, uid
