-- KEY-ANOMALY-NETWORK, standing: within the last 24 closed hours, or since the detector was last here, the key was called from a
-- network never seen for it, though one has been known for 14 days, with a fifth of that hour's requests or more. Nobody is
-- told before the gate has judged the hour. Walks usage_network_first_seen_at_idx.
select n.key_id, '' as detail, 3 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('networks', jsonb_agg(n.network order by n.share desc, n.network),
                          'share', max(n.share), 'requests', sum(n.first_hour_requests), 'hour_us', min(n.hour_us),
                          'since_us', min(n.hour_us), 'held', 'gate') as evidence
  from (select n.key_id, n.network, n.first_hour_requests, keyrota.micros(h.hour) as hour_us,
               round(n.first_hour_requests * 100.0 / h.requests, 1) as share
          from (select least(keyrota.instant(:from), p.judged_until) as from_at, keyrota.instant(:until) as until_at,
                       w.closed_until
                  from keyrota.detector_position p, keyrota.usage_watermark w offset 0) span
          join keyrota.usage_network n on n.first_seen_at >= span.from_at and n.first_seen_at < span.until_at
                                      and n.first_seen_at < span.closed_until
          join keyrota.usage_hour h on h.key_id = n.key_id and h.hour = date_bin('1 hour', n.first_seen_at, 'epoch')
         where h.hour >= span.from_at and h.hour < span.until_at
           and n.network <> 'other' and n.first_hour_requests * 5 >= h.requests and h.requests > 0
           and exists (select from keyrota.usage_network k
                        where k.key_id = n.key_id and k.first_seen_at <= n.first_seen_at - interval '14 days')) n
  join keyrota.api_key k on k.key_id = n.key_id
 group by n.key_id
