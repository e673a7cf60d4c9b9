-- What a load of sample data finds. An id that was ever given out is not given again, even if its row is gone: audit
-- entries still speak of it.
select keyrota.micros(date_trunc('minute', now())) as as_of,
       exists (select from keyrota.api_key)::int as holds_keys,
       (select simulation::int from keyrota.installation) as simulation,
       greatest((select max(key_id) from keyrota.api_key), 0,
                pg_sequence_last_value(pg_get_serial_sequence('keyrota.api_key', 'key_id')::regclass)) as last_key_id,
       greatest((select max(owner_id) from keyrota.owner), 0,
                pg_sequence_last_value(pg_get_serial_sequence('keyrota.owner', 'owner_id')::regclass)) as last_owner_id,
       greatest((select max(team_id) from keyrota.team), 0,
                pg_sequence_last_value(pg_get_serial_sequence('keyrota.team', 'team_id')::regclass)) as last_team_id,
       -- with one rule, the default, there is nothing to decide; more rules are for the policy to assign
       (select max(policy_rule_id) from keyrota.policy_rule having count(*) = 1) as policy_rule_id
