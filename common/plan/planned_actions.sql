-- The actions of a run as a plan file holds them: what would be done to which key, as it was seen, and why.
select p.check_id, p.action, p.key_id, p.detail, p.severity::bigint as severity, keyrota.micros(p.due_at) as due_at,
       p.evidence::text as evidence, k.prefix || '...' || k.hint as masked, k.name, o.email as owner, k.status,
       keyrota.micros(k.expires_at) as expires_at
  from keyrota.plan_item p
  join keyrota.key k on k.key_id = p.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
 where p.run_id = :run_id and p.action is not null
 order by p.check_id, p.key_id, p.detail
