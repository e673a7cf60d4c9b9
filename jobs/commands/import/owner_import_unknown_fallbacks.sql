-- Fallbacks whom neither the file nor the database knows, and owners who would be their own.
select line, fallback_email, (lower(fallback_email) = lower(email))::int as is_self, count(*) over () as total
  from pg_temp.owner_import i
 where fallback_email is not null
   and (lower(fallback_email) = lower(email)
        or not exists (select from pg_temp.owner_import f where lower(f.email) = lower(i.fallback_email))
           and not exists (select from keyrota.owner o where lower(o.email) = lower(i.fallback_email)))
 order by line
 limit :most
