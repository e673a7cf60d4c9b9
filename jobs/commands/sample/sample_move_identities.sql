-- Ids made from now on follow the loaded ones.
select setval(pg_get_serial_sequence('keyrota.team', 'team_id')::regclass, cast(:last_team_id as bigint)) as team_id,
       setval(pg_get_serial_sequence('keyrota.owner', 'owner_id')::regclass, cast(:last_owner_id as bigint)) as owner_id,
       setval(pg_get_serial_sequence('keyrota.api_key', 'key_id')::regclass, cast(:last_key_id as bigint)) as key_id
