-- Action deactivate: nobody uses the key, and its owner was told when it would be switched off. Takes and re-checks in one
-- statement, as expire.sql does; what KEY-UNUSED and KEY-NEVER-USED say is the condition, with nothing about usage unknown.
with due as (
    select s.key_id
      from keyrota.api_key_state s
      join keyrota.api_key k on k.key_id = s.key_id
      join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
      left join keyrota.api_key_activity a on a.key_id = s.key_id
     cross join (select keyrota.usage_known_since(keyrota.instant(:as_of),
                                                  cast(:silent_after_us as bigint) * interval '1 microsecond') as since offset 0) known
     where s.key_id = any (cast(:ids as bigint[])) and k.key_id = any (cast(:ids as bigint[]))
       and k.source = 'native' and s.status = 'active' and s.retire_at is null
       and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
       and p.usage_unused_action = 'deactivate'
       and (coalesce(a.last_used_at, k.created_at) <= keyrota.instant(:as_of) - p.usage_unused_after
            and known.since <= keyrota.instant(:as_of) - p.usage_unused_after
            and keyrota.deactivation_is_due(s.key_id, 'KEY-UNUSED', keyrota.instant(:as_of), p.usage_unused_grace)
            or a.last_used_at is null and k.created_at <= keyrota.instant(:as_of) - p.usage_never_used_after
            and known.since <= k.created_at
            and keyrota.deactivation_is_due(s.key_id, 'KEY-NEVER-USED', keyrota.instant(:as_of), p.usage_unused_grace))
     order by s.key_id
       for update of s skip locked
), done as (
    update keyrota.api_key_state s
       set status = 'inactive', deactivated_at = keyrota.instant(:as_of)
      from due
     where s.key_id = due.key_id and s.key_id = any (cast(:ids as bigint[])) and s.status = 'active'
    returning s.key_id, '{"status": "active", "deactivated_at_us": null}' as before,
              jsonb_build_object('status', s.status, 'deactivated_at_us', keyrota.micros(s.deactivated_at))::text as after
)
select array_agg(key_id)::text as ids, array_agg(before)::text as befores, array_agg(after)::text as afters,
       count(*) as total
  from done
