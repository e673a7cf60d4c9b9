-- Rotations under way, and those that ended in the last 30 days.
select r.state, count(*) as rotations, count(*) filter (where r.held) as held
  from keyrota.rotation r
  left join keyrota.api_key k on k.key_id = r.key_id
 where (r.state not in ('retired', 'cancelled') or r.changed_at > keyrota.instant(:as_of) - interval '30 days')
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
 group by r.state
 order by r.state
