-- KEY-RATE-NEAR-LIMIT, standing: the busiest minute of an active key came near its limit (its own, else its plan's;
-- without one it is not judged). The evidence says what the client saw in X-RateLimit-Limit, -Remaining and -Reset. The
-- peak's minute is looked up by primary key for the keys found alone.
select w.key_id, '' as detail,
       case when w.peak_minute * 100 >= w.limit_per_minute * t.near_limit_high then 3 else 2 end as severity,
       null::text as action, null::timestamptz as due_at,
       jsonb_build_object('peak_minute', w.peak_minute, 'peak_minute_at_us', keyrota.micros(peak.at),
                          'limit', w.limit_per_minute, 'remaining', greatest(w.limit_per_minute - w.peak_minute, 0),
                          'reset_at_us', keyrota.micros(peak.at + interval '1 minute'), 'threshold', t.near_limit) as evidence
  from pg_temp.watch_window w
  join keyrota.policy_rule p on p.policy_rule_id = w.policy_rule_id
  left join keyrota.alert_setting k on k.key_id = w.key_id and k.owner_id = 0 and k.check_id = 'KEY-RATE-NEAR-LIMIT'
  left join keyrota.alert_setting o on o.key_id = 0 and o.owner_id = w.owner_id and o.check_id = 'KEY-RATE-NEAR-LIMIT'
 cross join lateral (select keyrota.alert_threshold('near_limit', k.settings, o.settings, p.usage_near_limit) as near_limit,
                            keyrota.alert_threshold('near_limit_high', k.settings, o.settings, p.usage_near_limit_high)
                                as near_limit_high) t
 cross join lateral (select min(h.peak_minute_at) as at
                       from keyrota.usage_hour h
                      where h.key_id = w.key_id and h.hour between w.first_hour and w.last_hour
                        and h.peak_minute = w.peak_minute) peak
 where not w.is_over and w.peak_minute * 100 >= w.limit_per_minute * t.near_limit
