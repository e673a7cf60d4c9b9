-- Who may do what. keyrota_owner owns everything and is used for migrations only.

grant usage on schema keyrota to keyrota_runner, keyrota_auditor, keyrota_gateway, keyrota_checker;

grant select, insert, update, delete on all tables in schema keyrota to keyrota_runner;
revoke update, delete on keyrota.audit_entry, keyrota.audit_block from keyrota_runner;
revoke insert on keyrota.audit_block from keyrota_runner;
revoke insert, update, delete on keyrota.audit_head, keyrota.schema_migration from keyrota_runner;
revoke insert, update, delete on keyrota.installation from keyrota_runner;
grant update (policy_hash, system_identifier, timeline_id, last_xid) on keyrota.installation to keyrota_runner;
grant truncate on keyrota.plan_item to keyrota_runner;
grant usage on all sequences in schema keyrota to keyrota_runner;
grant execute on function keyrota.audit_seal(bigint), keyrota.make_sample_partitions(integer), keyrota.analyze_plan_item(),
    keyrota.free_sample_partitions(date), keyrota.make_hour_partitions(integer)
    to keyrota_runner;

grant select on all tables in schema keyrota to keyrota_auditor;
revoke select on keyrota.api_key_secret from keyrota_auditor;

-- What users wrote runs as this role, which is a member of nothing.
grant select on keyrota.checks_key, keyrota.checks_usage_hour, keyrota.checks_usage_scope to keyrota_checker;

-- A gateway looks a hash up and appends samples; it can neither choose when a sample arrived nor its transaction.
grant select (secret_hash, key_id) on keyrota.api_key_secret to keyrota_gateway;
grant select (key_id, status, expires_at) on keyrota.api_key_state to keyrota_gateway;
grant select (key_id, environment, type, scopes, service_plan_id, rate_limit_per_minute) on keyrota.api_key
    to keyrota_gateway;
grant select (service_plan_id, requests_per_minute) on keyrota.service_plan to keyrota_gateway;
grant insert (key_id, at, gateway, requests, client_errors, server_errors, rate_limited, scope, network, auth, browser)
    on keyrota.usage_sample to keyrota_gateway;
