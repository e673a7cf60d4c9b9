-- Active keys by the day (UTC) on which they end, today and the 90 days after it; predecessors in their overlap left out.
-- A range of api_key_state_expires_at_idx.
select keyrota.micros(date_trunc('day', s.expires_at)) as day, count(*) as keys,
       count(*) filter (where k.environment = 'production') as production
  from keyrota.api_key_state s
  join keyrota.api_key k on k.key_id = s.key_id
 where s.expires_at > keyrota.instant(:as_of)
   and s.expires_at < date_trunc('day', keyrota.instant(:as_of)) + interval '91 days'
   and s.status = 'active' and s.retire_at is null
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
 group by 1
 order by 1
