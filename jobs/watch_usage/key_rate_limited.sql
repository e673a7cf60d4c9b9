-- KEY-RATE-LIMITED, standing: of the calls with an active key too many were refused with 429. One without a limit is not
-- judged. The evidence says what the client saw in X-RateLimit-Limit, -Remaining and -Reset in the busiest minute.
select w.key_id, '' as detail, 3 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('requests', w.requests, 'rate_limited', w.rate_limited,
                          'rate', round(w.rate_limited * 100.0 / w.requests, 2), 'threshold', t.rate_limited,
                          'peak_minute', w.peak_minute, 'peak_minute_at_us', keyrota.micros(peak.at),
                          'limit', w.limit_per_minute, 'remaining', greatest(w.limit_per_minute - w.peak_minute, 0),
                          'reset_at_us', keyrota.micros(peak.at + interval '1 minute'),
                          'from_us', cast(:from as bigint), 'until_us', cast(:until as bigint)) as evidence
  from pg_temp.watch_window w
  join keyrota.policy_rule p on p.policy_rule_id = w.policy_rule_id
  left join keyrota.alert_setting k on k.key_id = w.key_id and k.owner_id = 0 and k.check_id = 'KEY-RATE-LIMITED'
  left join keyrota.alert_setting o on o.key_id = 0 and o.owner_id = w.owner_id and o.check_id = 'KEY-RATE-LIMITED'
 cross join lateral (select keyrota.alert_threshold('min_requests', k.settings, o.settings, p.usage_min_requests) as min_requests,
                            keyrota.alert_threshold('rate_limited', k.settings, o.settings, p.usage_rate_limited)
                                as rate_limited) t
 cross join lateral (select min(h.peak_minute_at) as at
                       from keyrota.usage_hour h
                      where h.key_id = w.key_id and h.hour between w.first_hour and w.last_hour
                        and h.peak_minute = w.peak_minute) peak
 where not w.is_over and w.limit_per_minute is not null and w.requests >= t.min_requests
   and w.rate_limited * 100 >= w.requests * t.rate_limited
