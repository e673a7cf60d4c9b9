-- KEY-SCOPE-TYPE, standing: a public key stands in browsers for everybody to read, and may do more than read.
select k.key_id, '' as detail, 4 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('scopes', k.scopes) as evidence
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
 where s.status = 'active' and s.retire_at is null
   and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
   and k.type = 'public'
   and exists (select from unnest(k.scopes) scope where not starts_with(scope, 'read:'))
