-- Owners who are not yet what the file says. What it has no column for stays; an empty field of a column that it has means
-- none, or the default.
insert into pg_temp.owner_import_changed (owner_id, made, renamed, old, new)
select d.owner_id, d.made, d.renamed, case when not d.made then d.old end, d.new
  from (select i.owner_id, i.made, (o.name, o.email) is distinct from (i.name, i.email) as renamed,
               jsonb_build_object('team_id', o.team_id, 'time_zone', o.time_zone, 'active', o.active,
                                  'fallback_owner_id', o.fallback_owner_id) as old,
               jsonb_build_object(
                   'team_id', case cast(:has_team as int) when 1 then t.team_id else o.team_id end,
                   'time_zone', case cast(:has_time_zone as int) when 1 then coalesce(i.time_zone, 'UTC') else o.time_zone end,
                   'active', case cast(:has_active as int) when 1 then coalesce(i.active, true) else o.active end,
                   'fallback_owner_id',
                   case cast(:has_fallback as int) when 1 then f.owner_id else o.fallback_owner_id end) as new
          from pg_temp.owner_import i
          join keyrota.owner o on o.owner_id = i.owner_id
          left join keyrota.team t on t.name = i.team
          left join keyrota.owner f on lower(f.email) = lower(i.fallback_email)) d
 where d.made or d.renamed or d.old is distinct from d.new
