-- In order of address, so that two imports that make the same owners wait for each other and do not lock each other out; who
-- comes second takes the first one's.
with made as (
    insert into keyrota.owner (name, email)
    select written, written from pg_temp.key_import_owner where owner_id is null order by email
    on conflict (lower(email)) do nothing
    returning owner_id, lower(email) as email
)
update pg_temp.key_import_owner o set owner_id = made.owner_id, made = true from made where made.email = o.email
