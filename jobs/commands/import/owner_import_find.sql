update pg_temp.owner_import i set owner_id = o.owner_id from keyrota.owner o where lower(o.email) = lower(i.email)
