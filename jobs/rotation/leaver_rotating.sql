-- The keys of an owner who has left that can live on with another secret: somebody else is to have them, and their policy
-- says into what that is delivered (before the owner changes: the rule is theirs), or it is under way already. One that is to
-- take another's place as soon as it is delivered gets none of its own and stays: a sink may have it by now. Not one whose
-- rotation is held or was given up: nothing would ever end the secret that is known to who has left. Takes all of the
-- owner's keys for the transaction.
select k.key_id, (r.key_id is not null or s.retire_at is not null)::int::bigint as is_under_way,
       (u.key_id is not null)::int::bigint as takes_over
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
  left join keyrota.rotation r on r.key_id = k.key_id and r.state not in ('retired', 'cancelled')
  left join keyrota.rotation u on u.key_id = k.predecessor_id and u.state in ('requested', 'created', 'failed')
                              and (u.successor_id = k.key_id or k.key_id = any (u.earlier_successor_ids))
 where k.owner_id = :owner_id and k.source = 'native' and s.status = 'active'
   and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
   and (r.key_id is not null or s.retire_at is not null or u.key_id is not null
        or case when k.policy_rule_id is null then cast(:default_sink as text) else p.rotation_sink end is not null)
   and (r.state = 'failed' or r.held) is not true and (u.state = 'failed' or u.held) is not true
 order by k.key_id
   for no key update of k, s
