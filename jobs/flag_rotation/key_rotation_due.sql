-- KEY-ROTATION-DUE, standing: an active production key has reached its rotation age, counted from its issue. Reads whole
-- tables; runs daily. A predecessor in its overlap (retire_at) is on its way out, so is a key whose rotation is under way, and a
-- key past its end date is expired.
select k.key_id, '' as detail, 4 as severity, case p.rotation_action when 'rotate' then 'rotate' end as action, k.created_at + p.rotation_max_age as due_at,
       jsonb_build_object('created_at_us', keyrota.micros(k.created_at)) as evidence
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
 where k.environment = 'production' and s.status = 'active' and s.retire_at is null
   and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
   and k.created_at <= keyrota.instant(:as_of) - p.rotation_max_age
   and not exists (select from keyrota.rotation r where r.key_id = k.key_id and r.state not in ('retired', 'cancelled'))
