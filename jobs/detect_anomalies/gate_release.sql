-- Owners may be told of what the gate let through, and of what it had nothing to judge of.
update keyrota.finding f
   set evidence = f.evidence - 'held'
 where f.check_id like 'KEY-ANOMALY-%' and f.status <> 'resolved' and f.evidence ->> 'held' = 'gate'
   and (f.evidence ->> 'hour_us')::bigint >= keyrota.micros(keyrota.instant(:until) - interval '30 days')
   and not exists (select from keyrota.anomaly_gate g
                    where g.check_id = f.check_id and g.hour = keyrota.instant((f.evidence ->> 'hour_us')::bigint)
                      and (g.judged_at is null or g.is_held))
