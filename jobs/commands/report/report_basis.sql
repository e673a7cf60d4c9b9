-- Which database this is, and its clock.
select keyrota.micros(now()) as now, i.installation_uuid::text as installation, i.simulation::int as simulation,
       (select name from keyrota.owner where owner_id = cast(:owner_id as bigint)) as owner,
       (select name from keyrota.team where team_id = cast(:team_id as bigint)) as team
  from keyrota.installation i
