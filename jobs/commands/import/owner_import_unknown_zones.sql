-- Each zone is looked up once: the server reads its time zone files for the list.
select i.line, count(*) over () as total
  from pg_temp.owner_import i
 where i.time_zone is not null and i.time_zone not in (select name from pg_timezone_names)
 order by i.line
 limit :most
