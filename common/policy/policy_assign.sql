-- The first rule by rank that matches each key; rows that have it already are not written. Rank -1: no longer configured.
-- A key that somebody changed meanwhile is left alone (the condition is seen again once its lock is free): its trigger
-- took its rule away, and the rule of its former self would never be questioned.
update keyrota.api_key k
   set policy_rule_id = assigned.policy_rule_id
  from (select c.key_id, c.type, c.environment, c.service_plan_id, c.owner_id, c.scopes, c.policy_rule_id as former_rule_id,
               (select (array_agg(r.policy_rule_id order by r.rank))[1]
                  from keyrota.policy_rule r
                 where r.rank >= 0
                   and (r.type is null or r.type = c.type)
                   and (r.environment is null or r.environment = c.environment)
                   and (r.service_plan is null or r.service_plan = p.name)
                   and (r.team is null or r.team = t.name)
                   and (r.owner is null or lower(r.owner) = lower(o.email))
                   and (r.scope is null or r.scope = any (c.scopes))) as policy_rule_id
          from keyrota.api_key c
          left join keyrota.service_plan p on p.service_plan_id = c.service_plan_id
          left join keyrota.owner o on o.owner_id = c.owner_id
          left join keyrota.team t on t.team_id = o.team_id
         where c.key_id = any (cast(:ids as bigint[]))) assigned
 where k.key_id = assigned.key_id and k.key_id = any (cast(:ids as bigint[]))
   and k.policy_rule_id is distinct from assigned.policy_rule_id
   and (k.type, k.environment, k.service_plan_id, k.owner_id, k.scopes, k.policy_rule_id) is not distinct from
       (assigned.type, assigned.environment, assigned.service_plan_id, assigned.owner_id, assigned.scopes,
        assigned.former_rule_id)
