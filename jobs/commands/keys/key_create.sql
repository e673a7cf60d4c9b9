-- A key in its tables; the first of its family. Its policy rule is assigned by the next run.
with made as (
    insert into keyrota.api_key (key_id, lineage_id, owner_id, name, type, environment, prefix, hint, scopes,
                                 service_plan_id, rate_limit_per_minute)
    select id.key_id, id.key_id, cast(:owner_id as bigint), :name, :type, :environment, :prefix, :hint,
           array(select jsonb_array_elements_text(cast(:scopes as jsonb))), cast(:service_plan_id as bigint),
           cast(:limit as integer)
      from (select nextval('keyrota.api_key_key_id_seq') as key_id) id
    returning key_id
), secret as (
    insert into keyrota.api_key_secret (secret_hash, key_id) select decode(:secret_hash, 'hex'), key_id from made
), state as (
    insert into keyrota.api_key_state (key_id, expires_at) select key_id, keyrota.instant(:expires_at) from made
), activity as (
    insert into keyrota.api_key_activity (key_id) select key_id from made
)
select key_id from made
