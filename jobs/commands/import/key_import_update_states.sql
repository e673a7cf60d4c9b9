update keyrota.api_key_state s
   set status = c.status, expires_at = c.expires_at,
       deactivated_at = case when c.status = 'active' then null
                             when c.status = 'inactive' and c.old_status <> 'inactive' then now()
                             else s.deactivated_at end
  from pg_temp.key_import_changed c
 where s.key_id = c.key_id
   and (c.status, c.expires_at) is distinct from (c.old_status, c.old_expires_at)
   and (s.status, s.expires_at) is not distinct from (c.old_status, c.old_expires_at)
