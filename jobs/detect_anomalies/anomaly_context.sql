-- What the detector itself does not know of the keys it found: the last seven days, by six hours, for people to look at;
-- whether a network that is new carried the same hour, which makes a spike grave.
update pg_temp.check_result r
   set severity = case when cast(:anomaly as text) = 'KEY-ANOMALY-SPIKE' and exists (
                           select from keyrota.usage_network n
                             join keyrota.usage_hour h on h.key_id = n.key_id and h.hour = a.hour
                            where n.key_id = r.key_id and n.network <> 'other' and n.first_hour_requests * 5 >= h.requests
                              and n.first_seen_at >= a.hour and n.first_seen_at < a.hour + interval '1 hour'
                              and exists (select from keyrota.usage_network k
                                           where k.key_id = n.key_id
                                             and k.first_seen_at <= n.first_seen_at - interval '14 days'))
                       then 4 else r.severity end,
       evidence = r.evidence || jsonb_build_object('last_7_days', (
           select jsonb_agg(coalesce(u.requests, 0) order by slot.at)
             from generate_series(keyrota.instant(:until) - interval '7 days', keyrota.instant(:until) - interval '6 hours',
                                  interval '6 hours') as slot(at)
             left join (select date_bin('6 hours', h.hour, keyrota.instant(:until)) as at, sum(h.requests) as requests
                          from keyrota.usage_hour h
                         where h.key_id = r.key_id and h.hour >= keyrota.instant(:until) - interval '7 days'
                           and h.hour < keyrota.instant(:until)
                         group by 1) u on u.at = slot.at))
  from (select key_id, keyrota.instant((evidence ->> 'hour_us')::bigint) as hour from pg_temp.check_result) a
 where a.key_id = r.key_id
