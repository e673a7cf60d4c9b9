-- How many keys have an open finding that is high or critical.
select count(distinct f.key_id) as keys
  from keyrota.finding f
  left join keyrota.api_key k on k.key_id = f.key_id
 where f.status = 'open' and f.severity >= 4 and f.key_id <> 0
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
