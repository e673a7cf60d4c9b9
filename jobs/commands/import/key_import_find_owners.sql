update pg_temp.key_import_owner i
   set owner_id = o.owner_id
  from keyrota.owner o
 where i.owner_id is null and lower(o.email) = i.email
