-- What is open about the keys of an owner (:owner_id), or one finding (:uid), as if it were told now; at most :count of them,
-- the gravest first, and how many there are in all. Who stands behind their keys. Left out is what an alert setting silences,
-- but for the checks that none can (:unsilenced).
select f.key_id, f.check_id, f.detail, 'open' as stage, f.severity::bigint as severity, keyrota.micros(f.due_at) as due_at,
       f.evidence::text as evidence, keyrota.micros(f.changed_at) as seen_at,
       count(*) over () as total, coalesce(r.key_name, '') as key_name, (r.owner_id is not null)::int as has_owner,
       r.owner_name, r.owner_email, r.owner_time_zone, r.owner_active, r.fallback_name, r.fallback_email,
       r.fallback_time_zone, r.fallback_active, r.team_name, r.team_email, r.team_webhook, r.security_email,
       lower(:operator) as operator_email,
       (select string_agg(x.address, E'\n') from keyrota.suppression x
         where x.suppressed_at is not null
           and x.address in (r.owner_email, r.fallback_email, r.team_email, r.security_email, lower(:operator))) as unreachable
  from keyrota.finding f
  left join keyrota.key_recipients r on r.key_id = f.key_id
  left join keyrota.alert_setting of_key
         on of_key.key_id = f.key_id and f.key_id <> 0 and of_key.owner_id = 0 and of_key.check_id = f.check_id
  left join keyrota.alert_setting of_owner
         on of_owner.owner_id = r.owner_id and of_owner.key_id = 0 and of_owner.check_id = f.check_id
 where (f.status = 'open' or f.status = 'acknowledged' and f.due_at is not null and f.check_id <> all (cast(:announcing as text[])))
   and not f.evidence ? 'held'
   and case when cast(:uid as text) is null then r.owner_id = cast(:owner_id as bigint) else f.uid = cast(:uid as text) end
   and (coalesce(of_key.settings ->> 'mail', of_owner.settings ->> 'mail', '') <> 'off'
        or f.check_id = any (cast(:unsilenced as text[])))
 order by f.severity desc, f.due_at nulls last, f.key_id, f.uid
 limit :count
