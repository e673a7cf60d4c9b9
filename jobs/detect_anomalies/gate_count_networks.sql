-- New networks by hour, as the gate counts incidents: of findings that wait for it.
insert into keyrota.anomaly_gate as g (check_id, hour, alarms)
select f.check_id, keyrota.instant((f.evidence ->> 'hour_us')::bigint), count(*)
  from keyrota.finding f
 where f.check_id = 'KEY-ANOMALY-NETWORK' and f.status <> 'resolved' and f.evidence ->> 'held' = 'gate'
 group by 1, 2
    on conflict (check_id, hour) do update set alarms = excluded.alarms, judged_at = null
 where g.alarms < excluded.alarms
