-- Owners by address, with what is theirs: counted for those listed alone, through the indexes.
select o.owner_id, o.name, o.email, t.name as team, o.time_zone, o.active::int::bigint as active,
       f.email as fallback, keyrota.micros(o.created_at) as created_at,
       (select count(*) from keyrota.api_key k where k.owner_id = o.owner_id) as keys,
       (select count(*) from keyrota.api_key k join keyrota.finding x on x.key_id = k.key_id
         where k.owner_id = o.owner_id and x.status <> 'resolved') as findings
  from keyrota.owner o
  left join keyrota.team t on t.team_id = o.team_id
  left join keyrota.owner f on f.owner_id = o.fallback_owner_id
 where (cast(:owner_id as bigint) is null or o.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null or o.team_id = :team_id)
   and (cast(:active as int) is null or o.active = (:active = 1))
 order by lower(o.email), o.owner_id
 limit cast(:limit as bigint)
