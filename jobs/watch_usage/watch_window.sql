-- What the checks of watch-usage share: the closed hours of the window as one row for each key that any of them could have
-- something to say about, with what the key is. The only reading of usage_hour as a whole: in sequence, a month's partition
-- at a time. Of millions of keys nearly all are well; they go no further than their sums, and only what is left is looked
-- up. (`is true` hides the last bound from the planner, which would take three for a window of no size.)
create temporary table watch_window on commit drop as
with least_asked as materialized (  -- by any rule, key or owner
    select least(r.min_requests, a.min_requests) as min_requests, least(r.error_rate, a.error_rate) as error_rate,
           least(r.rate_limited, a.rate_limited) as rate_limited, least(r.near_limit, a.near_limit) as near_limit,
           least((select min(requests_per_minute) from keyrota.service_plan),
                 (select min(rate_limit_per_minute) from keyrota.api_key where rate_limit_per_minute is not null)) as per_minute
      from (select min(usage_min_requests) as min_requests, min(usage_error_rate) as error_rate,
                   min(usage_rate_limited) as rate_limited, min(usage_near_limit) as near_limit from keyrota.policy_rule) r,
           (select min((settings ->> 'min_requests')::bigint) as min_requests, min((settings ->> 'error_rate')::bigint) as error_rate,
                   min((settings ->> 'rate_limited')::bigint) as rate_limited, min((settings ->> 'near_limit')::bigint) as near_limit
              from keyrota.alert_setting) a
)
select u.*, k.owner_id, k.type, k.policy_rule_id,
       coalesce(k.rate_limit_per_minute, p.requests_per_minute)::bigint as limit_per_minute, s.status,
       s.status <> 'active' or coalesce(s.expires_at <= keyrota.instant(:as_of), false) as is_over,
       least(case when s.status = 'inactive' then s.deactivated_at end,
             case when s.expires_at <= keyrota.instant(:as_of) then s.expires_at end) as over_at  -- null: nobody knows since when
  from (select h.key_id, min(h.hour) as first_hour, max(h.hour) as last_hour, keyrota.total(h.requests) as requests,
               keyrota.total(h.client_errors) as client_errors, keyrota.total(h.server_errors) as server_errors,
               keyrota.total(h.rate_limited) as rate_limited, max(h.peak_minute) as peak_minute,
               keyrota.total(h.query_auth) as query_auth, keyrota.total(h.browser_requests) as browser_requests
          from keyrota.usage_hour h
         where h.hour >= keyrota.instant(:from) and h.hour < keyrota.instant(:until)
           and (h.hour < (select closed_until from keyrota.usage_watermark)) is true
         group by h.key_id) u
  join keyrota.api_key_state s on s.key_id = u.key_id
 cross join least_asked l
  join lateral (select k.* from keyrota.api_key k where k.key_id = u.key_id offset 0) k on true
  left join keyrota.service_plan p on p.service_plan_id = k.service_plan_id
 where u.requests >= l.min_requests and ((u.client_errors + u.server_errors) * 100 >= u.requests * l.error_rate
                                         or u.rate_limited * 100 >= u.requests * l.rate_limited)
    or u.peak_minute * 100 >= l.per_minute * l.near_limit
    or u.query_auth > 0 or u.browser_requests > 0
    or s.status <> 'active' or s.expires_at <= keyrota.instant(:as_of)
