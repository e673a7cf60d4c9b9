-- KEY-OWNER-MISSING, standing: an active key of which nobody can be told anything.
select k.key_id, '' as detail, 3 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('owner_id', k.owner_id) as evidence
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
 where s.status = 'active' and s.retire_at is null
   and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
   and coalesce(o.email, '') = ''
