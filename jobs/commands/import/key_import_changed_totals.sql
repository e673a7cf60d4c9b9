select count(*) filter (where (name, owner_id, type, environment, prefix, hint, scopes, service_plan_id, created_at)
                              is distinct from
                              (old_name, old_owner_id, old_type, old_environment, old_prefix, old_hint, old_scopes,
                               old_service_plan_id, old_created_at)) as keys,
       count(*) filter (where (status, expires_at) is distinct from (old_status, old_expires_at)) as states,
       count(new_secret_hash) as secrets
  from pg_temp.key_import_changed
