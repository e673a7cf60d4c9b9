-- KEY-OWNER-GONE, standing: an active key whose owner is no longer with us.
select k.key_id, '' as detail, 4 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('owner_id', k.owner_id) as evidence
  from keyrota.owner o
  join keyrota.api_key k on k.owner_id = o.owner_id
  join keyrota.api_key_state s on s.key_id = k.key_id
 where not o.active and s.status = 'active' and s.retire_at is null
   and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
