-- The keys with most requests in these hours. Reads all of their partitions.
select k.key_id, k.name, k.prefix, k.hint, u.requests, u.client_errors, u.server_errors, u.rate_limited, u.peak_minute,
       keyrota.micros(u.peak_minute_at) as peak_minute_at, keyrota.micros(a.last_used_at) as last_used_at
  from (select key_id, sum(requests)::bigint as requests, sum(client_errors)::bigint as client_errors,
               sum(server_errors)::bigint as server_errors, sum(rate_limited)::bigint as rate_limited,
               max(peak_minute) as peak_minute,
               (array_agg(peak_minute_at order by peak_minute desc nulls last, peak_minute_at))[1] as peak_minute_at
          from keyrota.usage_hour
         where hour >= keyrota.instant(:from) and hour < keyrota.instant(:until)
         group by key_id) u
  join keyrota.api_key k on k.key_id = u.key_id
  left join keyrota.api_key_activity a on a.key_id = u.key_id
 order by u.requests desc, u.key_id
 limit :top
