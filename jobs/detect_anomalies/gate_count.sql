-- Incidents that opened, by check and hour: what the gate judges when all keys have been seen.
insert into keyrota.anomaly_gate as g (check_id, hour, alarms)
select check_id, keyrota.instant(hour_us), alarms
  from unnest(cast(:checks as text[]), cast(:hours as bigint[]), cast(:alarms as bigint[])) as c (check_id, hour_us, alarms)
    on conflict (check_id, hour) do update set alarms = g.alarms + excluded.alarms, judged_at = null
