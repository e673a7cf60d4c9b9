select (select count(*) from pg_temp.owner_import) as read,
       (select count(*) from pg_temp.owner_import where made) as new,
       (select count(*) from pg_temp.owner_import_changed where not made) as changed,
       (select count(*) from pg_temp.owner_import_changed) as listed
