select keyrota.micros(max(a.last_used_at)) as last_used_at
  from keyrota.api_key k
  join keyrota.api_key_activity a on a.key_id = k.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
 where (cast(:key_id as bigint) is null or k.key_id = :key_id)
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null or o.team_id = :team_id)
