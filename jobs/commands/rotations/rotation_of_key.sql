-- The rotation of a key that is not finished, as it stands; read under the key's lock it is what is changed.
select r.key_id, r.token::text as token, r.state, r.reason, r.successor_id, r.held::int::bigint as held,
       r.earlier_successor_ids::text as earlier_successor_ids, keyrota.rotation_is_claimed(r)::int::bigint as is_claimed,
       exists (select from keyrota.rotation n where n.key_id = r.successor_id and n.state <> 'cancelled')::int::bigint
           as successor_was_rotated,
       case when s.expires_at <= now() then 'expired' else s.status end as status, r.sink, p.rotation_sink as policy_sink, keyrota.micros(u.last_used_at) as successor_last_used_at
  from keyrota.rotation r
  join keyrota.api_key k on k.key_id = r.key_id
  join keyrota.api_key_state s on s.key_id = r.key_id
  left join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
  left join keyrota.api_key_activity u on u.key_id = r.successor_id
 where r.key_id = :key_id and r.state not in ('retired', 'cancelled')
