-- Active keys by how long ago they were last used: 0 within 7 days, 1 within 30, 2 within 90, 3 within 180, 4 within a year,
-- 5 longer ago, 6 never though older than 30 days, 7 never and younger. A use exactly so long ago counts as longer.
select k.environment,
       case when a.last_used_at is null then case when k.created_at <= keyrota.instant(:as_of) - interval '30 days' then 6 else 7 end
            else 5 - width_bucket(a.last_used_at,
                                  array(select keyrota.instant(:as_of) - n * interval '1 day' + interval '1 microsecond'
                                          from unnest('{365,180,90,30,7}'::int[]) n)) end as last_use,
       count(*) as keys
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.api_key_activity a on a.key_id = k.key_id
 where s.status = 'active'
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
 group by 1, 2
 order by 1, 2
