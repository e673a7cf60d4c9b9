-- Whether these keys can be given successors, and if not, why; and where their policy would have the secrets delivered. Read
-- under the keys' locks it is what counts; without, a look.
select k.key_id, k.prefix, k.prefix || '...' || k.hint as masked, k.name, k.environment, o.email as owner,
       keyrota.micros(a.last_used_at) as last_used_at, keyrota.micros(s.expires_at) as expires_at, p.rotation_sink as sink,
       (extract(epoch from p.rotation_overlap) * 1000000)::bigint as overlap_us,
       case when k.source <> 'native' then 'its source is ' || k.source || ': only native keys are changed'
            when made.successor_id is not null and (s.status = 'expired' or s.retire_at is not null)
            then 'it was rotated: key ' || made.successor_id || ' has taken its place'
            when s.status = 'expired' or s.expires_at <= now() then 'it is expired: no rotation brings a key back to life'
            when s.status <> 'active'
            then 'it is ' || s.status || ': `keyrota keys activate` first, since its successor would be active'
            when exists (select from keyrota.rotation u
                         where u.key_id = k.predecessor_id and u.state in ('requested', 'created', 'failed')
                           and (u.successor_id = k.key_id or k.key_id = any (u.earlier_successor_ids)))
            then 'it is to take the place of key ' || k.predecessor_id || ', and was not delivered as yet'
            when r.state = 'failed' then 'its rotation failed: `keyrota rotations retry` or `cancel` it first'
            when r.state is not null then 'it has a rotation that is not finished (' || r.state || ')'
       end as refused
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.api_key_activity a on a.key_id = k.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
  left join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
  left join keyrota.rotation r on r.key_id = k.key_id and r.state not in ('retired', 'cancelled')
  left join (select x.key_id, (array_agg(x.successor_id order by x.requested_at desc))[1] as successor_id
               from keyrota.rotation x
              where x.key_id = any (cast(:ids as bigint[])) and x.successor_id is not null and x.delivered_at is not null
                and x.state <> 'cancelled'
              group by x.key_id) made on made.key_id = k.key_id
 where k.key_id = any (cast(:ids as bigint[])) and s.key_id = any (cast(:ids as bigint[]))
 order by k.key_id
