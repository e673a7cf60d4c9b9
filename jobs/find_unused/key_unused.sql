-- KEY-UNUSED, standing: an active key has not been used for the policy's time, all of which usage is known. Where it is not,
-- nobody knows: nothing is found anew, and what was found stays. A key that was made before anything was known, and has no
-- use since, belongs here; one that never had any is KEY-NEVER-USED's. Where the policy says so, it is deactivated a while after
-- its owner was told of the date.
select k.key_id, '' as detail, 3 as severity,
       case when p.usage_unused_action = 'deactivate' and k.source = 'native' and known.since <= keyrota.instant(:as_of) - p.usage_unused_after
                 and keyrota.deactivation_is_due(k.key_id, 'KEY-UNUSED', keyrota.instant(:as_of), p.usage_unused_grace)
            then 'deactivate' end as action,
       case when p.usage_unused_action = 'deactivate' and k.source = 'native'
                 and coalesce(known.since <= keyrota.instant(:as_of) - p.usage_unused_after, true)
            then keyrota.deactivates_at(k.key_id, 'KEY-UNUSED', keyrota.instant(:as_of), p.usage_unused_grace) end as due_at,
       jsonb_build_object('last_used_at_us', keyrota.micros(a.last_used_at)) as evidence
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
  left join keyrota.api_key_activity a on a.key_id = k.key_id
 cross join (select keyrota.usage_known_since(keyrota.instant(:as_of),
                                              cast(:silent_after_us as bigint) * interval '1 microsecond') as since offset 0) known
 where s.status = 'active' and s.retire_at is null
   and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
   and coalesce(a.last_used_at, k.created_at) <= keyrota.instant(:as_of) - p.usage_unused_after
   and case when known.since <= keyrota.instant(:as_of) - p.usage_unused_after
            then a.last_used_at is not null or known.since > k.created_at
            else k.key_id in (select f.key_id from keyrota.finding f
                               where f.check_id = 'KEY-UNUSED' and f.status <> 'resolved') end
