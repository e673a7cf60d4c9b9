-- Who leaves usage unknown in [from, until), and why; no row where keyrota.usage_known says that it is known. One row a
-- gateway, of which nothing is known from `since` on (null: it never reported); `all` where it is about no single one.
-- young: collection had not begun, so nobody has lost anything. All tables are small.
select gateway, (array_agg(reason order by since nulls first, reason))[1] as reason,
       case when bool_and(since is not null) then keyrota.micros(min(since)) end as since
  from (select keyrota.instant(:from) as from_at, keyrota.instant(:until) as until_at,
               keyrota.instant(:until) - cast(:silent_after_us as bigint) * interval '1 microsecond' as heard_at) w
 cross join lateral (
        select g.name as gateway, 'silent' as reason, g.last_seen_at as since
          from keyrota.usage_gateway g
         where g.expected and not coalesce(g.last_seen_at >= w.heard_at, false)
         union all
        select coalesce(g.gateway, 'all'), 'gap', g.from_at
          from keyrota.usage_gap g
         where g.from_at < w.until_at and g.to_at > w.from_at
         union all
        select 'all', case when begun.at is null or begun.at > w.from_at then 'young' else 'behind' end, m.complete_until
          from keyrota.usage_watermark m, (select min(since_at) as at from keyrota.usage_gateway) begun
         where begun.at is null or begun.at > w.from_at or not coalesce(m.complete_until >= w.heard_at, false)) lacking
 group by gateway
 order by gateway
