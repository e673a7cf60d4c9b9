update keyrota.owner o
   set name = i.name, email = i.email, team_id = (c.new ->> 'team_id')::bigint, time_zone = c.new ->> 'time_zone',
       active = (c.new ->> 'active')::boolean, fallback_owner_id = (c.new ->> 'fallback_owner_id')::bigint
  from pg_temp.owner_import_changed c
  join pg_temp.owner_import i on i.owner_id = c.owner_id
 where o.owner_id = c.owner_id
   and (c.renamed or coalesce(c.old, '{}') is distinct from c.new)
