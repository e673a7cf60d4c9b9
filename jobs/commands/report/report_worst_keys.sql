-- The keys with the gravest open findings; among equals production, then what is in use, comes first.
with bad as (
    select f.key_id, max(f.severity) as severity, count(*) as findings, string_agg(distinct f.check_id, ' ') as checks,
           min(f.opened_at) as oldest_at
      from keyrota.finding f
      left join keyrota.api_key k on k.key_id = f.key_id
     where f.status = 'open' and f.key_id <> 0 and f.severity > 1
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
     group by f.key_id
)
select b.key_id, b.severity::bigint as severity, b.findings, b.checks, keyrota.micros(b.oldest_at) as oldest_at,
       k.name, k.prefix || '...' || k.hint as masked, k.type, k.environment, s.status,
       keyrota.micros(k.created_at) as created_at, keyrota.micros(s.expires_at) as expires_at,
       keyrota.micros(a.last_used_at) as last_used_at, o.name as owner, t.name as team
  from bad b
  join keyrota.api_key k on k.key_id = b.key_id
  join keyrota.api_key_state s on s.key_id = b.key_id
  left join keyrota.api_key_activity a on a.key_id = b.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
  left join keyrota.team t on t.team_id = o.team_id
 order by b.severity desc, b.findings desc, (k.environment = 'production') desc, a.last_used_at desc nulls last, b.key_id
 limit cast(:limit as bigint)
