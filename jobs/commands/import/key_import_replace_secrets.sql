insert into keyrota.api_key_secret (secret_hash, key_id)
select new_secret_hash, key_id from pg_temp.key_import_changed where new_secret_hash is not null order by 1
