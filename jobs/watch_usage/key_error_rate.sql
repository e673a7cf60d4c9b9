-- KEY-ERROR-RATE, standing: of the calls with an active key too many were answered with an error. 429 is none: it has a
-- check of its own. A key that has ended is refused each time, which KEY-INACTIVE-IN-USE tells.
select w.key_id, '' as detail,
       case when (w.client_errors + w.server_errors) * 100 >= w.requests * t.error_rate_high then 4 else 3 end as severity,
       null::text as action, null::timestamptz as due_at,
       jsonb_build_object('requests', w.requests, 'client_errors', w.client_errors, 'server_errors', w.server_errors,
                          'error_rate', round((w.client_errors + w.server_errors) * 100.0 / w.requests, 2),
                          'threshold', t.error_rate, 'from_us', cast(:from as bigint), 'until_us', cast(:until as bigint)) as evidence
  from pg_temp.watch_window w
  join keyrota.policy_rule p on p.policy_rule_id = w.policy_rule_id
  left join keyrota.alert_setting k on k.key_id = w.key_id and k.owner_id = 0 and k.check_id = 'KEY-ERROR-RATE'
  left join keyrota.alert_setting o on o.key_id = 0 and o.owner_id = w.owner_id and o.check_id = 'KEY-ERROR-RATE'
 cross join lateral (select keyrota.alert_threshold('min_requests', k.settings, o.settings, p.usage_min_requests) as min_requests,
                            keyrota.alert_threshold('error_rate', k.settings, o.settings, p.usage_error_rate) as error_rate,
                            keyrota.alert_threshold('error_rate_high', k.settings, o.settings, p.usage_error_rate_high)
                                as error_rate_high) t
 where not w.is_over and w.requests >= t.min_requests
   and (w.client_errors + w.server_errors) * 100 >= w.requests * t.error_rate
