-- RUN-GATE of detect-anomalies, standing: so many keys alarmed for one reason in one hour of the last day that no owner is
-- told of it. One finding a check, with the keys of its worst hour.
select 0::bigint as key_id, g.check_id as detail, 3 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('hour_us', keyrota.micros(g.hour), 'alarms', g.alarms, 'usual', round(g.usual::numeric, 1),
                          'keys', g.keys,
                          'key_ids', (select coalesce(jsonb_agg(key_id), '[]')
                                        from (select f.key_id from keyrota.finding f
                                               where f.check_id = g.check_id and f.status <> 'resolved'
                                                 and f.evidence ->> 'held' = 'gate'
                                               order by f.key_id limit 100) listed)) as evidence
  from (select distinct on (check_id) *
          from keyrota.anomaly_gate
         where is_held and hour >= (select judged_until from keyrota.detector_position) - interval '24 hours'
         order by check_id, alarms desc, hour) g
