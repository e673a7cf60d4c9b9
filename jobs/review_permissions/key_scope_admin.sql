-- KEY-SCOPE-ADMIN, standing: an active key that may do everything. Graver in production where nobody has used that for the
-- policy's time, all of which usage is known; where it is not, the finding is as grave as it was. A key that is in use and
-- whose calls never say a scope (usage_scope has none of it) may be using it.
select k.key_id, '' as detail,
       case when k.environment <> 'production' or k.created_at > keyrota.instant(:as_of) - p.usage_admin_unused_after then 3
            when coalesce(known.since > keyrota.instant(:as_of) - p.usage_admin_unused_after, true)
            then coalesce(before.severity, 3)
            when coalesce(case when told.key_id is not null then told.admin_used_at else a.last_used_at end
                          <= keyrota.instant(:as_of) - p.usage_admin_unused_after, true) then 4
            else 3 end as severity,
       null::text as action, null::timestamptz as due_at, jsonb_build_object('scopes', k.scopes) as evidence
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
 cross join (select keyrota.usage_known_since(keyrota.instant(:as_of),
                                              cast(:silent_after_us as bigint) * interval '1 microsecond') as since offset 0) known
  left join keyrota.api_key_activity a on a.key_id = k.key_id
  left join (select key_id, max(last_used_at) filter (where scope = 'admin') as admin_used_at
               from keyrota.usage_scope
              group by key_id) told on told.key_id = k.key_id
  left join keyrota.finding before on before.key_id = k.key_id and before.check_id = 'KEY-SCOPE-ADMIN'
                                  and before.status <> 'resolved'
 where s.status = 'active' and s.retire_at is null
   and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
   and 'admin' = any (k.scopes)
