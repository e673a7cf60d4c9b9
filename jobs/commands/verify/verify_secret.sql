-- What is known of a secret by its hash, and what a gateway would say of it now. The busiest minute is of the last 24 h, as
-- far as the samples are rolled up.
select k.key_id, k.prefix || '...' || k.hint as masked, k.name, k.type, k.environment, o.email as owner, s.status,
       keyrota.micros(s.expires_at) as expires_at, (s.expires_at <= now())::int::bigint as is_over,
       array_to_string(k.scopes, ', ') as scope_words, to_json(k.scopes)::text as scopes,
       (cast(:scope as text) = any (k.scopes))::int::bigint as holds_scope,
       coalesce(k.rate_limit_per_minute, p.requests_per_minute)::bigint as limit_per_minute,
       (select max(u.peak_minute) from keyrota.usage_hour u
         where u.key_id = k.key_id and u.hour > now() - interval '25 hours') as busiest_minute
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.service_plan p on p.service_plan_id = k.service_plan_id
  left join keyrota.owner o on o.owner_id = k.owner_id
 where k.key_id = (select h.key_id from keyrota.api_key_secret h where h.secret_hash = decode(:secret_hash, 'hex'))
