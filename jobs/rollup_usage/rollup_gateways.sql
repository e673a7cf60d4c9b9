-- Who reported, from when and until when, and who was silent before. An unknown gateway that reports is expected to go on.
with seen as materialized (
    select gateway, date_bin('1 hour', at, 'epoch') as hour, count(*) as samples, min(received_at) as first_received_at,
           min(least(at, received_at)) as first_at,
           max(least(at, received_at)) as last_at, max(at - received_at) as ahead
      from keyrota.usage_sample
     where xid >= cast(:from as bigint) and xid < cast(:until as bigint)
     group by 1, 2
), gateways as (
    insert into keyrota.usage_gateway as g (name, since_at, last_seen_at)
    select gateway, min(first_received_at), max(last_at) from seen group by gateway
        on conflict (name) do update set since_at = coalesce(g.since_at, excluded.since_at),
                                         last_seen_at = greatest(g.last_seen_at, excluded.last_seen_at)
), silences as (
    insert into keyrota.usage_silence (gateway, from_at, to_at, is_unusual)
    select now.gateway, now.from_at, now.to_at,
           not exists (select from keyrota.usage_silence before
                        where before.gateway = now.gateway and before.from_at > now.from_at - interval '60 days'
                          and (before.to_at - before.from_at) * 1.5 >= now.to_at - now.from_at)
      from (select g.name as gateway, g.last_seen_at as from_at, min(s.first_at) as to_at
              from seen s
              join keyrota.usage_gateway g on g.name = s.gateway
             where g.expected
             group by g.name, g.last_seen_at) now
     where now.to_at > now.from_at + cast(:silent_after_us as bigint) * interval '1 microsecond'
        on conflict do nothing
), hours as (
    insert into keyrota.usage_open_hour as o (hour, first_received_at)
    select hour, min(first_received_at) from seen
     where hour >= coalesce((select closed_until from keyrota.usage_watermark), '-infinity') group by hour
        on conflict (hour) do update set first_received_at = excluded.first_received_at
         where excluded.first_received_at < o.first_received_at
)
select coalesce(sum(samples), 0)::bigint as samples,
       coalesce(string_agg(distinct gateway, ', ') filter (where ahead > interval '1 hour'), '') as fast_clocks
  from seen
