delete from keyrota.api_key_secret s
 using pg_temp.key_import_changed c
 where s.key_id = c.key_id and c.new_secret_hash is not null
