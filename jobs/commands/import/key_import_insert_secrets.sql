-- In the order of their index: a hash lands anywhere in it, and ten million would touch each page hundreds of times.
insert into keyrota.api_key_secret (secret_hash, key_id)
select secret_hash, key_id from pg_temp.key_import_new where secret_hash is not null order by secret_hash
