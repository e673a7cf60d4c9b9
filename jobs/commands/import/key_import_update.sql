-- A key that somebody else changed since it was compared is missing from the count, and the import gives up.
update keyrota.api_key k
   set name = c.name, owner_id = c.owner_id, type = c.type, environment = c.environment, prefix = c.prefix, hint = c.hint,
       scopes = c.scopes, service_plan_id = c.service_plan_id, created_at = c.created_at
  from pg_temp.key_import_changed c
 where k.key_id = c.key_id
   and (c.name, c.owner_id, c.type, c.environment, c.prefix, c.hint, c.scopes, c.service_plan_id, c.created_at)
       is distinct from
       (c.old_name, c.old_owner_id, c.old_type, c.old_environment, c.old_prefix, c.old_hint, c.old_scopes,
        c.old_service_plan_id, c.old_created_at)
   and (k.name, k.owner_id, k.type, k.environment, k.prefix, k.hint, k.scopes, k.service_plan_id, k.created_at)
       is not distinct from
       (c.old_name, c.old_owner_id, c.old_type, c.old_environment, c.old_prefix, c.old_hint, c.old_scopes,
        c.old_service_plan_id, c.old_created_at)
