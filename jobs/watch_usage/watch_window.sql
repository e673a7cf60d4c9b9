-- What the checks of watch-usage share: the closed hours of the window as one row a key, with what the key is. The only
-- reading of usage_hour as a whole: in sequence, a month's partition at a time.
create temporary table watch_window on commit drop as
select u.*, k.owner_id, k.type, k.policy_rule_id,
       coalesce(k.rate_limit_per_minute, p.requests_per_minute)::bigint as limit_per_minute, s.status,
       s.status <> 'active' or coalesce(s.expires_at <= keyrota.instant(:as_of), false) as is_over,
       least(case when s.status = 'inactive' then s.deactivated_at end,
             case when s.expires_at <= keyrota.instant(:as_of) then s.expires_at end) as over_at  -- null: nobody knows since when
  from (select h.key_id, min(h.hour) as first_hour, max(h.hour) as last_hour, sum(h.requests)::bigint as requests,
               sum(h.client_errors)::bigint as client_errors, sum(h.server_errors)::bigint as server_errors,
               sum(h.rate_limited)::bigint as rate_limited, max(h.peak_minute) as peak_minute,
               sum(h.query_auth)::bigint as query_auth, sum(h.browser_requests)::bigint as browser_requests
          from keyrota.usage_hour h
         where h.hour >= keyrota.instant(:from) and h.hour < keyrota.instant(:until)
           and h.hour < (select closed_until from keyrota.usage_watermark)
         group by h.key_id) u
  join keyrota.api_key k on k.key_id = u.key_id
  join keyrota.api_key_state s on s.key_id = u.key_id
  left join keyrota.service_plan p on p.service_plan_id = k.service_plan_id
