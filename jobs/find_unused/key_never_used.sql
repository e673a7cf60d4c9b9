-- KEY-NEVER-USED, standing: an active key is older than the policy's time, and usage is known since it was made, and there is
-- none. A key that is older than what is known may have been used before: nothing is found anew, and what was found stays.
select k.key_id, '' as detail, 3 as severity,
       case when p.usage_unused_action = 'deactivate' and k.source = 'native' and known.since <= k.created_at
                 and keyrota.deactivation_is_due(k.key_id, 'KEY-NEVER-USED', keyrota.instant(:as_of), p.usage_unused_grace)
            then 'deactivate' end as action,
       case when p.usage_unused_action = 'deactivate' and k.source = 'native'
                 and coalesce(known.since <= k.created_at, true)
            then keyrota.deactivates_at(k.key_id, 'KEY-NEVER-USED', keyrota.instant(:as_of), p.usage_unused_grace) end as due_at,
       jsonb_build_object('created_at_us', keyrota.micros(k.created_at)) as evidence
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
  left join keyrota.api_key_activity a on a.key_id = k.key_id
 cross join (select keyrota.usage_known_since(keyrota.instant(:as_of),
                                              cast(:silent_after_us as bigint) * interval '1 microsecond') as since offset 0) known
 where s.status = 'active' and s.retire_at is null and a.last_used_at is null
   and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
   and k.created_at <= keyrota.instant(:as_of) - p.usage_never_used_after
   and (coalesce(known.since <= k.created_at, false)
        or k.key_id in (select f.key_id from keyrota.finding f
                         where f.check_id = 'KEY-NEVER-USED' and f.status <> 'resolved'))
