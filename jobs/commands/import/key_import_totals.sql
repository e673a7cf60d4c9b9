-- What the import would do. A vanished key that has expired already is no news.
select (select count(*) from pg_temp.key_import) as read,
       (select count(*) from pg_temp.key_import)
       - (select count(*) from keyrota.api_key_external where source = :source)
       + (select count(*) from pg_temp.key_import_vanished) as new,
       (select count(*) from pg_temp.key_import_changed) as changed,
       (select count(*) from pg_temp.key_import_vanished where status <> 'expired') as vanished,
       (select count(*) from pg_temp.key_import_owner where owner_id is null) as new_owners
