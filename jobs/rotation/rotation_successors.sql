-- A successor for each of these keys: name, type, environment, prefix, scopes, plan, limit, owner, policy rule and lineage
-- are the predecessor's; secret and end date are its own (a lifetime of 0: none). The caller holds the predecessors' locks
-- and writes into their rotations who took their place.
with asked as (
    select nextval('keyrota.api_key_key_id_seq') as successor_id, a.key_id, a.hint, decode(a.secret_hash, 'hex') as secret_hash,
           keyrota.instant(:as_of) + nullif(a.lifetime_us, 0) * interval '1 microsecond' as expires_at
      from jsonb_to_recordset(cast(:successors as jsonb)) as a (key_id bigint, hint text, secret_hash text, lifetime_us bigint)
), made as (
    insert into keyrota.api_key (key_id, lineage_id, owner_id, name, type, environment, prefix, hint, scopes, service_plan_id,
                                 rate_limit_per_minute, created_at, predecessor_id, policy_rule_id)
    select a.successor_id, k.lineage_id, k.owner_id, k.name, k.type, k.environment, k.prefix, a.hint, k.scopes,
           k.service_plan_id, k.rate_limit_per_minute, keyrota.instant(:as_of), k.key_id, k.policy_rule_id
      from asked a
      join keyrota.api_key k on k.key_id = a.key_id
     where k.key_id = any (cast(:ids as bigint[]))
), secret as (
    insert into keyrota.api_key_secret (secret_hash, key_id) select secret_hash, successor_id from asked
), state as (
    insert into keyrota.api_key_state (key_id, expires_at) select successor_id, expires_at from asked
), activity as (
    insert into keyrota.api_key_activity (key_id) select successor_id from asked
)
select key_id, successor_id from asked
