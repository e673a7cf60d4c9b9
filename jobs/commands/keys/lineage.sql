-- The family of a key from its first one on, in the order in which they were made. Found through rotations, which stay when
-- a key is deleted; a lineage has no index of its own.
with recursive family (key_id, reason) as (
    select k.lineage_id, null::text from keyrota.api_key k where k.key_id = :key_id
     union
    select r.successor_id, r.reason from family f join keyrota.rotation r on r.key_id = f.key_id
     where r.successor_id is not null
)
select f.key_id, coalesce(s.status, 'deleted') as status, f.reason, keyrota.micros(k.created_at) as created_at,
       keyrota.micros(s.expires_at) as expires_at, keyrota.micros(s.retire_at) as retire_at
  from family f
  left join keyrota.api_key k on k.key_id = f.key_id
  left join keyrota.api_key_state s on s.key_id = f.key_id
 order by f.key_id
