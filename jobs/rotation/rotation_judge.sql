-- Whether a key can be given a successor, and if not, why. Read under the key's lock it is what counts; without, a look.
select k.key_id, k.prefix, k.prefix || '...' || k.hint as masked, k.name, k.environment,
       keyrota.micros(a.last_used_at) as last_used_at, keyrota.micros(s.expires_at) as expires_at,
       case when k.source <> 'native' then 'its source is ' || k.source || ': only native keys are changed'
            when r.successor_id is not null and (s.status = 'expired' or s.retire_at is not null)
            then 'it was rotated: key ' || r.successor_id || ' has taken its place'
            when s.status = 'expired' or s.expires_at <= now() then 'it is expired: no rotation brings a key back to life'
            when s.status <> 'active'
            then 'it is ' || s.status || ': `keyrota keys activate` first, since its successor would be active'
            when r.state not in ('retired', 'cancelled') then 'it has a rotation that is not finished'
       end as refused
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.api_key_activity a on a.key_id = k.key_id
  left join (select x.key_id, x.successor_id, x.state from keyrota.rotation x
              where x.key_id = :key_id and x.state <> 'cancelled' order by x.requested_at desc limit 1) r on r.key_id = k.key_id
 where k.key_id = :key_id and s.key_id = :key_id
