-- Owners may be told of what the gate let through.
update keyrota.finding f
   set evidence = f.evidence - 'held'
  from keyrota.anomaly_gate g
 where f.check_id = g.check_id and f.status <> 'resolved' and f.evidence ->> 'held' = 'gate'
   and keyrota.instant((f.evidence ->> 'hour_us')::bigint) = g.hour and g.judged_at is not null and not g.is_held
