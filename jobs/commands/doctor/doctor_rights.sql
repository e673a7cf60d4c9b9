-- Where a role may do less than it needs, or more than it must.
select format('%s %s %s %s', role, case when granted then 'may not' else 'may' end, privilege, name) as wrong
  from (values ('keyrota_runner', 'job_run', 'insert', true),
               ('keyrota_runner', 'job_run', 'update', true),
               ('keyrota_runner', 'job_run', 'delete', true),
               ('keyrota_runner', 'run_check', 'insert', true),
               ('keyrota_runner', 'job_lease', 'delete', true),
               ('keyrota_runner', 'plan_item', 'delete', true),
               ('keyrota_runner', 'finding', 'update', true),
               ('keyrota_runner', 'finding', 'delete', true),
               ('keyrota_runner', 'finding_episode', 'insert', true),
               ('keyrota_runner', 'api_key', 'update', true),
               ('keyrota_runner', 'api_key_state', 'update', true),
               ('keyrota_runner', 'policy_rule', 'insert', true),
               ('keyrota_runner', 'audit_entry', 'insert', true),
               ('keyrota_runner', 'audit_entry', 'update', false),
               ('keyrota_runner', 'audit_entry', 'delete', false),
               ('keyrota_runner', 'audit_entry', 'truncate', false),
               ('keyrota_runner', 'audit_block', 'insert', false),
               ('keyrota_runner', 'audit_block', 'update', false),
               ('keyrota_runner', 'audit_block', 'delete', false),
               ('keyrota_runner', 'audit_head', 'update', false),
               ('keyrota_runner', 'schema_migration', 'update', false),
               ('keyrota_auditor', 'audit_entry', 'select', true),
               ('keyrota_auditor', 'finding', 'select', true),
               ('keyrota_auditor', 'job_run', 'select', true),
               ('keyrota_auditor', 'api_key_secret', 'select', false),
               ('keyrota_auditor', 'api_key_state', 'update', false),
               ('keyrota_gateway', 'usage_sample', 'select', false),
               ('keyrota_gateway', 'api_key_state', 'update', false),
               ('keyrota_gateway', 'audit_entry', 'select', false),
               ('keyrota_checker', 'api_key_secret', 'select', false),
               ('keyrota_checker', 'api_key_state', 'update', false)) as expected (role, name, privilege, granted)
 where has_table_privilege(role, 'keyrota.' || name, privilege) <> granted
union all
select format('keyrota_gateway may not %s %s.%s', privilege, name, column_name)
  from (values ('api_key_secret', 'secret_hash', 'select'),
               ('api_key_state', 'expires_at', 'select'),
               ('usage_sample', 'requests', 'insert')) as expected (name, column_name, privilege)
 where not has_column_privilege('keyrota_gateway', 'keyrota.' || name, column_name, privilege)
union all
select format('keyrota_runner may not execute %s', name)
  from (values ('keyrota.audit_seal(bigint)'), ('keyrota.make_sample_partitions(integer)'),
               ('keyrota.analyze_plan_item()')) as expected (name)
 where not has_function_privilege('keyrota_runner', name, 'execute')
 order by wrong
