-- Who has to act: teams by their open findings that are high or critical.
select t.name as team, t.security_email, count(*) filter (where f.severity = 5) as critical,
       count(*) filter (where f.severity = 4) as high, count(*) as open, count(distinct f.key_id) as keys
  from keyrota.finding f
  join keyrota.api_key k on k.key_id = f.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
  left join keyrota.team t on t.team_id = o.team_id
 where f.status = 'open' and f.severity > 1
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
 group by t.team_id
 order by count(*) filter (where f.severity >= 4) desc, count(*) desc, t.team_id
 limit cast(:limit as bigint)
