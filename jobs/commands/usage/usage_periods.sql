-- Use of the chosen keys, period by period, idle ones too. The peak is that of one key. Walks usage_hour's primary key for
-- a key or an owner's keys, and its partitions for all.
with chosen as (
    select k.key_id
      from keyrota.api_key k
      left join keyrota.owner o on o.owner_id = k.owner_id
     where (cast(:key_id as bigint) is null or k.key_id = :key_id)
       and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
       and (cast(:team_id as bigint) is null or o.team_id = :team_id)
), sums as (
    select date_trunc(cast(:by as text), h.hour) as period, sum(h.requests) as requests,
           sum(h.client_errors) as client_errors, sum(h.server_errors) as server_errors, sum(h.rate_limited) as rate_limited,
           max(h.peak_minute) as peak_minute,
           (array_agg(h.peak_minute_at order by h.peak_minute desc nulls last, h.peak_minute_at))[1] as peak_minute_at
      from keyrota.usage_hour h
     where h.key_id in (select key_id from chosen)
       and h.hour >= keyrota.instant(:from) and h.hour < keyrota.instant(:until)
     group by 1
)
select keyrota.micros(p.period) as period, coalesce(s.requests, 0)::bigint as requests,
       coalesce(s.client_errors, 0)::bigint as client_errors, coalesce(s.server_errors, 0)::bigint as server_errors,
       coalesce(s.rate_limited, 0)::bigint as rate_limited, s.peak_minute, keyrota.micros(s.peak_minute_at) as peak_minute_at
  from generate_series(date_trunc(cast(:by as text), keyrota.instant(:from)), keyrota.instant(:until) - interval '1 microsecond',
                       cast('1 ' || cast(:by as text) as interval)) as p (period)
  left join sums s on s.period = p.period
 order by p.period
