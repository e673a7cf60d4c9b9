-- One rule of the configuration. Found by name, so that a rule keeps its id when it changes.
insert into keyrota.policy_rule as r
       (name, rank, type, environment, service_plan, team, owner, scope, expiry_notice_before)
values (:name, :rank, nullif(:type, ''), nullif(:environment, ''), nullif(:service_plan, ''), nullif(:team, ''),
        nullif(:owner, ''), nullif(:scope, ''), cast(:expiry_notice_before as interval[]))
    on conflict (name) do update
   set rank = excluded.rank, type = excluded.type, environment = excluded.environment,
       service_plan = excluded.service_plan, team = excluded.team, owner = excluded.owner, scope = excluded.scope,
       expiry_notice_before = excluded.expiry_notice_before
