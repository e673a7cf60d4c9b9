-- In the order of their index: each of its pages is written once.
insert into keyrota.api_key_external (source, external_id, key_id)
select :source, external_id, key_id from pg_temp.key_import_new order by external_id collate "C"
