-- KEY-NO-EXPIRY, standing: an active secret key without an end date, and no longer new.
select k.key_id, '' as detail, 2 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('created_at_us', keyrota.micros(k.created_at)) as evidence
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
 where k.type = 'secret' and s.status = 'active' and s.retire_at is null and s.expires_at is null
   and k.created_at < keyrota.instant(:as_of) - p.expiry_required_after
