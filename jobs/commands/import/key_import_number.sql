-- The keys that the source did not have, with their ids. One rule of policy holds for all keys; of several the next run chooses.
insert into pg_temp.key_import_new (key_id, owner_id, line, external_id, name, owner_email, type, environment, prefix, hint,
                                    scopes, service_plan_id, created_at, expires_at, status, secret_hash)
select nextval(pg_get_serial_sequence('keyrota.api_key', 'key_id')::regclass), o.owner_id, i.*
  from pg_temp.key_import i
  join pg_temp.key_import_owner o on o.email = lower(i.owner_email)
 where not exists (select from keyrota.api_key_external x where x.source = :source and x.external_id = i.external_id)
