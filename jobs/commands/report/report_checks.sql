-- What was found, check by check, the gravest first. Custom checks can be many: the first so many.
select f.check_id, max(f.severity) filter (where f.status <> 'waived')::bigint as severity,
       count(*) filter (where f.status = 'open') as open,
       count(*) filter (where f.status = 'acknowledged') as acknowledged,
       count(*) filter (where f.status = 'waived') as waived,
       keyrota.micros(min(f.opened_at)) as oldest_at
  from keyrota.finding f
  left join keyrota.api_key k on k.key_id = f.key_id
 where f.status <> 'resolved'
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
 group by f.check_id
 order by max(f.severity) filter (where f.status = 'open') desc nulls last, count(*) filter (where f.status = 'open') desc,
          f.check_id
 limit cast(:limit as bigint)
