-- Whether all hours of the week that began at :week are closed, and whether usage is known for all of it, and for the week
-- before.
select coalesce(m.closed_until >= w.ends_at, false)::int::bigint as is_closed,
       coalesce(known.since <= w.began_at, false)::int::bigint as is_known,
       coalesce(known.since <= w.began_at - interval '7 days', false)::int::bigint as is_known_before
  from (select keyrota.instant(:week) as began_at, keyrota.instant(:week) + interval '7 days' as ends_at) w
 cross join keyrota.usage_watermark m
 cross join lateral (
        select keyrota.usage_known_since(w.ends_at, cast(:silent_after_us as bigint) * interval '1 microsecond') as since offset 0) known
