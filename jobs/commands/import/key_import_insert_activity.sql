insert into keyrota.api_key_activity (key_id)
select key_id from pg_temp.key_import_new where ordinal between :first and :last
