-- Rotations that cannot be settled as their sinks answered, since their keys changed while those worked: the key is not as it
-- was, and the rotation is cancelled; or (no `cancelled`) the successor works no more, and another is made. Read under the
-- keys' locks. What a key that expired since was exchanged for counts: people use it by now.
select r.key_id,
       case when s.key_id is null then 'the key was deleted'
            when s.status = 'inactive' then 'it is inactive, and its successor would be active' end as cancelled
  from keyrota.rotation r
  left join keyrota.api_key_state s on s.key_id = r.key_id and s.key_id = any (cast(:ids as bigint[]))
  left join keyrota.api_key_state n on n.key_id = r.successor_id and n.key_id = any (cast(:successor_ids as bigint[]))
 where r.key_id = any (cast(:ids as bigint[])) and r.state = 'created' and r.successor_id = any (cast(:successor_ids as bigint[]))
   and (s.key_id is null or s.status = 'inactive' or n.key_id is null or n.status <> 'active'
        or n.expires_at <= keyrota.instant(:as_of))
