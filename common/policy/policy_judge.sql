-- How each rule of the configuration stands to one key, in their order: the first column in which they differ, null where
-- the rule matches. The conditions are those of policy_assign.sql; a test holds the two together.
select case when r.type <> k.type then 'type'
            when r.environment <> k.environment then 'environment'
            when r.service_plan is not null and r.service_plan is distinct from p.name then 'service_plan'
            when r.team is not null and r.team is distinct from t.name then 'team'
            when r.owner is not null and lower(r.owner) is distinct from lower(o.email) then 'owner'
            when r.scope is not null and r.scope <> all (k.scopes) then 'scope'
       end as differs,
       k.type, k.environment, p.name as service_plan, t.name as team, o.email as owner
  from jsonb_array_elements(cast(:rules as jsonb)) with ordinality as said (rule, place)
 cross join jsonb_populate_record(null::keyrota.policy_rule, said.rule) r
 cross join keyrota.api_key k
  left join keyrota.service_plan p on p.service_plan_id = k.service_plan_id
  left join keyrota.owner o on o.owner_id = k.owner_id
  left join keyrota.team t on t.team_id = o.team_id
 where k.key_id = cast(:key_id as bigint)
 order by said.place
