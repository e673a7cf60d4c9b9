-- How the number of unresolved findings changed, day by day (UTC): 0 is all before the 30 days that end with this one, 31
-- this one so far. A finding counts by the severity that it has now; what prune removed is not counted.
with change as (
    select f.key_id, f.severity, f.opened_at as at, 1 as by from keyrota.finding f
    union all
    select f.key_id, f.severity, f.resolved_at, -1 from keyrota.finding f where f.resolved_at is not null
    union all
    select e.key_id, e.severity, e.opened_at, 1 from keyrota.finding_episode e
    union all
    select e.key_id, e.severity, e.resolved_at, -1 from keyrota.finding_episode e
)
select width_bucket(c.at, array(select date_trunc('day', keyrota.instant(:as_of)) - n * interval '1 day'
                                  from generate_series(30, 0, -1) n)) as day,
       sum(c.by)::bigint as change, coalesce(sum(c.by) filter (where c.severity >= 4), 0)::bigint as change_high,
       count(*) filter (where c.by > 0) as opened, count(*) filter (where c.by < 0) as resolved
  from change c
  left join keyrota.api_key k on k.key_id = c.key_id
 where c.at <= keyrota.instant(:as_of)
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
 group by 1
 order by 1
