-- KEY-SCOPE-UNUSED, standing: a key in use holds scopes that it has not used for the policy's time, all of which usage is
-- known. One row a key, all such scopes in its evidence. Where it is not known, nothing is found anew, and what was found
-- stays. A key that is not in use is KEY-UNUSED's; one whose calls never say a scope (usage_scope has none of it) is not judged.
select k.key_id, '' as detail, 2 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('scopes', jsonb_agg(held.scope order by held.scope)) as evidence
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  join keyrota.api_key_activity a on a.key_id = k.key_id
  join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
 cross join (select keyrota.usage_known_since(keyrota.instant(:as_of),
                                              cast(:silent_after_us as bigint) * interval '1 microsecond') as since offset 0) known
 cross join unnest(k.scopes) held (scope)
  left join keyrota.usage_scope u on u.key_id = k.key_id and u.scope = held.scope
 where s.status = 'active' and s.retire_at is null
   and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
   and k.created_at <= keyrota.instant(:as_of) - p.usage_scope_unused_after
   and k.key_id in (select key_id from keyrota.usage_scope)
   and case when known.since <= keyrota.instant(:as_of) - p.usage_scope_unused_after
            then a.last_used_at > keyrota.instant(:as_of) - p.usage_scope_unused_after
                 and coalesce(u.last_used_at <= keyrota.instant(:as_of) - p.usage_scope_unused_after, true)
            else k.key_id in (select f.key_id from keyrota.finding f
                               where f.check_id = 'KEY-SCOPE-UNUSED' and f.status <> 'resolved') end
 group by k.key_id
