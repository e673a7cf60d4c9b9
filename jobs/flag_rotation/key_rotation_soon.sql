-- KEY-ROTATION-SOON, standing: what KEY-ROTATION-DUE will say of the key within the policy's notice.
select k.key_id, '' as detail, 2 as severity, null::text as action, k.created_at + p.rotation_max_age as due_at,
       jsonb_build_object('created_at_us', keyrota.micros(k.created_at)) as evidence
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
 where k.environment = 'production' and s.status = 'active' and s.retire_at is null
   and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
   and k.created_at > keyrota.instant(:as_of) - p.rotation_max_age
   and k.created_at <= keyrota.instant(:as_of) - p.rotation_max_age + p.rotation_notice_before
   and not exists (select from keyrota.rotation r where r.key_id = k.key_id and r.state not in ('retired', 'cancelled'))
