-- Rotations, newest first: of one key or of all, in one state, in all, or (`unfinished`) in those from which something follows.
select r.key_id, k.prefix || '...' || k.hint as masked, k.name, o.email as owner, r.token::text as token, r.reason, r.state,
       r.held::int::bigint as held, r.successor_id, r.sink, r.tries::bigint as tries, r.failure,
       (extract(epoch from r.overlap) * 1000000)::bigint as overlap_us,
       keyrota.micros(r.requested_at) as requested_at, keyrota.micros(r.delivered_at) as delivered_at,
       keyrota.micros(r.retry_at) as retry_at, keyrota.micros(r.changed_at) as changed_at,
       case when s.status <> 'expired' then keyrota.micros(s.retire_at) end as retire_at,
       keyrota.micros(a.last_used_at) as last_used_at, keyrota.micros(u.last_used_at) as successor_last_used_at
  from keyrota.rotation r
  left join keyrota.api_key k on k.key_id = r.key_id
  left join keyrota.api_key_state s on s.key_id = r.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
  left join keyrota.api_key_activity a on a.key_id = r.key_id
  left join keyrota.api_key_activity u on u.key_id = r.successor_id
 where (cast(:key_id as bigint) is null or r.key_id = :key_id or r.successor_id = :key_id)
   and case cast(:state as text) when 'all' then true
                                 when 'unfinished' then r.state not in ('retired', 'cancelled')
                                 else r.state = :state end
 order by r.requested_at desc, r.key_id
 limit :limit
