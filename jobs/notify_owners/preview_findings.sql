-- What is open about the keys of an owner (:owner_id), or one finding (:uid), as if it were told now; at most :count of them,
-- the gravest first, and how many there are in all. Who stands behind their keys.
select f.key_id, f.uid as finding_uid, f.check_id, f.detail, 'open' as stage, f.severity::bigint as severity,
       keyrota.micros(f.due_at) as due_at, count(*) over () as total,
       coalesce(r.key_name, '') as key_name, (r.owner_id is not null)::int as has_owner, r.owner_name, r.owner_email,
       r.owner_time_zone, r.owner_active, r.fallback_name, r.fallback_email, r.fallback_time_zone, r.fallback_active,
       r.team_name, r.team_email, r.security_email, lower(:operator) as operator_email, null as unreachable
  from keyrota.finding f
  left join keyrota.key_recipients r on r.key_id = f.key_id
 where f.status in ('open', 'acknowledged')
   and case when cast(:uid as text) is null then r.owner_id = cast(:owner_id as bigint) else f.uid = cast(:uid as text) end
 order by f.severity desc, f.due_at nulls last, f.key_id, f.uid
 limit :count
