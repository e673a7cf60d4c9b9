-- What mail shows of some keys (:ids): with the requests of the last 30 days, by day, the oldest first, where any are known.
-- Nothing of it is later than the mail, which in a simulation may be one of long ago.
select k.key_id, k.name, k.prefix, k.hint, k.environment, k.type, array_to_string(k.scopes, ', ') as scopes,
       keyrota.micros(k.created_at) as created_at, keyrota.micros(s.expires_at) as expires_at,
       keyrota.micros(case when a.last_used_at < keyrota.instant(:as_of) then a.last_used_at
                           when a.last_used_at is not null then keyrota.instant(:as_of) end) as last_used_at, usage.requests, usage.errors
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.api_key_activity a on a.key_id = k.key_id
 cross join (select date_trunc('day', keyrota.instant(:as_of), 'UTC') as today) t
  left join lateral (
        select string_agg(coalesce(u.requests, 0)::text, ' ' order by day) as requests, sum(u.errors)::bigint as errors
          from generate_series(t.today - interval '29 days', t.today, interval '1 day') day
          left join (select date_bin('1 day', h.hour, t.today) as day, sum(h.requests)::bigint as requests,
                            sum(h.client_errors + h.server_errors)::bigint as errors
                       from keyrota.usage_hour h
                      where h.key_id = k.key_id and h.hour >= t.today - interval '29 days' and h.hour < keyrota.instant(:as_of)
                      group by 1) u using (day)
       ) usage on usage.errors is not null
 where k.key_id = any (cast(:ids as bigint[]))
