select i.line, i.owner_email, count(*) over () as total
  from pg_temp.key_import i
  join pg_temp.key_import_owner o on o.email = lower(i.owner_email)
 where o.owner_id is null
 order by i.line
 limit :most
