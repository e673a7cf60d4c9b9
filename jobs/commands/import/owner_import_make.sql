-- Owners whom nobody knew, in order of address. Their fallbacks follow when all are there.
with made as (
    insert into keyrota.owner (name, email, team_id, time_zone, active)
    select i.name, i.email, t.team_id, coalesce(i.time_zone, 'UTC'), coalesce(i.active, true)
      from pg_temp.owner_import i
      left join keyrota.team t on t.name = i.team
     where i.owner_id is null
     order by lower(i.email)
    returning owner_id, lower(email) as email
)
update pg_temp.owner_import i set owner_id = made.owner_id, made = true from made where made.email = lower(i.email)
