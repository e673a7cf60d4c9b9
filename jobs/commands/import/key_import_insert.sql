insert into keyrota.api_key (key_id, source, lineage_id, owner_id, name, type, environment, prefix, hint, scopes,
                             service_plan_id, created_at, policy_rule_id)
select key_id, :source, key_id, owner_id, name, type, environment, coalesce(prefix, ''), coalesce(hint, ''),
       coalesce(scopes, '{}'), service_plan_id, coalesce(created_at, now()),
       (select max(policy_rule_id) from keyrota.policy_rule having count(*) = 1)
  from pg_temp.key_import_new
 where ordinal between :first and :last
