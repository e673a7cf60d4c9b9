-- What is known of one key, and, by the gateways' own rule, whether a call with it would be accepted now.
select k.key_id, k.name, k.prefix || '...' || k.hint as masked, k.source, k.type, k.environment,
       nullif(array_to_string(k.scopes, ', '), '') as scopes, k.service_plan, k.limit_per_minute::bigint as limit_per_minute,
       o.name as owner_name, o.email as owner, (o.active is false)::int::bigint as owner_left, t.name as team,
       keyrota.micros(k.created_at) as created_at, keyrota.micros(k.expires_at) as expires_at,
       keyrota.micros(k.last_used_at) as last_used_at, keyrota.micros(k.retire_at) as retire_at,
       keyrota.micros(k.deactivated_at) as deactivated_at, k.predecessor_id, k.lineage_id, k.status, r.name as policy_rule,
       (select min(e.external_id) from keyrota.api_key_external e where e.key_id = k.key_id) as external_id,
       (select x.successor_id from keyrota.rotation x where x.key_id = k.key_id and x.successor_id is not null
         order by x.requested_at desc limit 1) as successor_id,
       (select count(*) from keyrota.finding f where f.key_id = k.key_id and f.status <> 'resolved') as findings_open,
       extract(day from now() - k.created_at)::bigint as age_days,
       case when k.status = 'active' and (k.expires_at is null or k.expires_at > now()) then null
            when k.expires_at <= now() then 'its end date has come'
            else 'it is ' || k.status end as refused_because
  from keyrota.key k
  left join keyrota.owner o on o.owner_id = k.owner_id
  left join keyrota.team t on t.team_id = o.team_id
  left join keyrota.policy_rule r on r.policy_rule_id = k.policy_rule_id
 where k.key_id = :key_id
