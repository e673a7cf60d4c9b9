-- Rotations whose secret is to be delivered, with what a successor is made of and what a sink is told; and why it must not
-- be, where the key is no longer as it was when its rotation was asked for. Read under the keys' locks. A breached key has
-- expired by the breach itself.
select r.key_id, r.token::text as token, r.state, r.successor_id, r.earlier_successor_ids::text as earlier_successor_ids,
       r.reason, coalesce(r.sink, '') as sink, r.tries::bigint as tries,
       (extract(epoch from r.overlap) * 1000000)::bigint as overlap_us,
       k.prefix, k.lineage_id, k.name, k.type, k.environment, o.email as owner,
       (extract(epoch from p.rotation_successor_lifetime) * 1000000)::bigint as lifetime_us,
       case when k.source <> 'native' then 'its source is ' || k.source || ': only native keys are changed'
            when r.reason = 'breach' then null
            -- Where a try may have delivered a successor already, that is what people use by now.
            when (s.status = 'expired' or s.expires_at <= keyrota.instant(:as_of))
                 and r.successor_id is null and r.earlier_successor_ids = '{}'
            then 'it is expired: no rotation brings a key back to life'
            when s.status = 'inactive' then 'it is ' || s.status || ', and its successor would be active'
       end as refused
  from keyrota.rotation r
  join keyrota.api_key k on k.key_id = r.key_id
  join keyrota.api_key_state s on s.key_id = r.key_id
  left join keyrota.policy_rule p
    on p.policy_rule_id = coalesce(k.policy_rule_id, (select d.policy_rule_id from keyrota.policy_rule d where d.name = 'default'))
  left join keyrota.owner o on o.owner_id = k.owner_id
 where r.key_id = any (cast(:ids as bigint[])) and k.key_id = any (cast(:ids as bigint[])) and s.key_id = any (cast(:ids as bigint[]))
   and r.state in ('requested', 'created') and not r.held and coalesce(r.retry_at <= keyrota.instant(:as_of), true)
   and not keyrota.rotation_is_claimed(r)
 order by r.key_id
