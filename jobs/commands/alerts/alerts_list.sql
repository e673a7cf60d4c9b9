-- Settings of owners and keys; of an owner with those of the owner's keys, of a key with its owner's. A key that is gone
-- has none.
select nullif(a.owner_id, 0) as owner_id, o.email as owner, k.key_id, k.prefix || '...' || k.hint as key, k.name,
       a.check_id, a.settings ->> 'mail' as mail, a.settings::text as settings,
       (select string_agg(s.key || '=' || s.value, ' ' order by s.key)
          from jsonb_each_text(a.settings) s
         where s.key <> 'mail') as thresholds,
       keyrota.micros(a.updated_at) as updated_at
  from keyrota.alert_setting a
  left join keyrota.api_key k on k.key_id = a.key_id
  left join keyrota.owner o on o.owner_id = coalesce(nullif(a.owner_id, 0), k.owner_id)
 where (k.key_id is not null or a.key_id = 0)
   and (cast(:owner_id as bigint) is null or o.owner_id = :owner_id)
   and (cast(:key_id as bigint) is null or a.key_id = :key_id
        or a.owner_id = (select owner_id from keyrota.api_key where key_id = :key_id))
 order by lower(o.email) nulls first, o.owner_id, k.key_id nulls first, a.check_id
