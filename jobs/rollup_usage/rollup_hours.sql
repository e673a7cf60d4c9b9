-- Sums of each hour. In key order: neighbours share pages. An hour that is closed keeps its figures as they were: what
-- comes late stands in late_* too, and the difference is what was there in time.
insert into keyrota.usage_hour as h (key_id, hour, requests, client_errors, server_errors, rate_limited, query_auth,
                                     browser_requests, late_requests, late_client_errors, late_server_errors,
                                     late_rate_limited)
select n.key_id, n.hour, n.requests, n.client_errors, n.server_errors, n.rate_limited, n.query_auth, n.browser_requests,
       n.late * n.requests, n.late * n.client_errors, n.late * n.server_errors, n.late * n.rate_limited
  from (select key_id, hour, keyrota.total(requests) as requests, keyrota.total(client_errors) as client_errors,
               keyrota.total(server_errors) as server_errors, keyrota.total(rate_limited) as rate_limited,
               keyrota.total(query_auth) as query_auth, keyrota.total(browser_requests) as browser_requests,
               (hour < coalesce((select closed_until from keyrota.usage_watermark), '-infinity'))::int as late
          from pg_temp.usage_grain
         group by key_id, hour) n
 order by n.key_id, n.hour
    on conflict (key_id, hour) do update
   set requests = h.requests + excluded.requests, client_errors = h.client_errors + excluded.client_errors,
       server_errors = h.server_errors + excluded.server_errors, rate_limited = h.rate_limited + excluded.rate_limited,
       query_auth = h.query_auth + excluded.query_auth,
       browser_requests = h.browser_requests + excluded.browser_requests,
       late_requests = h.late_requests + excluded.late_requests,
       late_client_errors = h.late_client_errors + excluded.late_client_errors,
       late_server_errors = h.late_server_errors + excluded.late_server_errors,
       late_rate_limited = h.late_rate_limited + excluded.late_rate_limited
