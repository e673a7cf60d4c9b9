-- Expires what vanished. A key that somebody else changed since is missing from the count, and the import gives up.
update keyrota.api_key_state s
   set status = 'expired'
  from pg_temp.key_import_vanished v
 where s.key_id = v.key_id and v.status <> 'expired' and s.status = v.status
