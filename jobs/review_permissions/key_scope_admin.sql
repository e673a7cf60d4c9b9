-- KEY-SCOPE-ADMIN, standing: an active key that may do everything.
select k.key_id, '' as detail, 3 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('scopes', k.scopes) as evidence
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
 where s.status = 'active' and s.retire_at is null and 'admin' = any (k.scopes)
