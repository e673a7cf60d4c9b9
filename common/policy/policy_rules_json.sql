-- The rules in force as one text, in order of rank: what the audit trail keeps of a change. It holds no addresses: an owner
-- is an id there, 0 for one that does not exist.
select coalesce(jsonb_agg(to_jsonb(r) - 'policy_rule_id' - 'rank' - 'owner'
                          || jsonb_build_object('owner_id', case when r.owner is not null then coalesce(o.owner_id, 0) end)
                          order by r.rank), '[]')::text as rules
  from keyrota.policy_rule r
  left join keyrota.owner o on lower(o.email) = lower(r.owner)
 where r.rank >= 0
