select v.key_id, v.external_id, k.name, o.email as owner, k.prefix || '...' || k.hint as masked
  from (select key_id, external_id from pg_temp.key_import_vanished where status <> 'expired' order by key_id limit 10) v
  join keyrota.api_key k on k.key_id = v.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
 order by v.key_id
