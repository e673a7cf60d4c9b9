insert into keyrota.team (name)
select distinct team from pg_temp.owner_import where team is not null order by 1
on conflict (name) do nothing
