-- What mail shows of some keys (:ids): with the requests of the last 30 days, by day, the oldest first, where any are known.
select k.key_id, k.name, k.prefix, k.hint, k.environment, k.type, array_to_string(k.scopes, ', ') as scopes,
       keyrota.micros(k.created_at) as created_at, keyrota.micros(s.expires_at) as expires_at,
       keyrota.micros(a.last_used_at) as last_used_at, usage.requests, usage.errors
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.api_key_activity a on a.key_id = k.key_id
  left join lateral (
        select string_agg(coalesce(u.requests, 0)::text, ' ' order by day) as requests, sum(u.errors)::bigint as errors
          from generate_series(date_trunc('day', keyrota.instant(:as_of), 'UTC') - interval '29 days',
                               date_trunc('day', keyrota.instant(:as_of), 'UTC'), interval '1 day') day
          left join lateral (select sum(h.requests)::bigint as requests,
                                    sum(h.client_errors + h.server_errors)::bigint as errors
                               from keyrota.usage_hour h
                              where h.key_id = k.key_id and h.hour >= day and h.hour < day + interval '1 day') u on true
       ) usage on usage.errors is not null
 where k.key_id = any (cast(:ids as bigint[]))
