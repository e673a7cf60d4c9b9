select line, team, count(*) over () as total
  from pg_temp.owner_import i
 where team is not null and not exists (select from keyrota.team t where t.name = i.team)
 order by line
 limit :most
