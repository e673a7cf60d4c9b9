-- The one row of a new installation: its identity, and the database it was made in.
insert into keyrota.installation
       (installation_uuid, system_identifier, timeline_id, last_xid, simulation, signing_public_key)
select gen_random_uuid(), s.system_identifier, keyrota.current_timeline(), pg_current_xact_id(),
       cast(:simulation as int) = 1, :public_key
  from pg_control_system() s
    on conflict do nothing
