-- The rules in force as one text, in order of rank: what the audit trail keeps of a change.
select coalesce(jsonb_agg(to_jsonb(r) - 'policy_rule_id' - 'rank' order by r.rank), '[]')::text as rules
  from keyrota.policy_rule r where r.rank >= 0
