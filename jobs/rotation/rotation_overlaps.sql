-- The overlaps of these keys begin: their end dates stay, and they may be retired after it, at the earliest. One audit entry
-- for each that differs afterwards.
with begun as (
    update keyrota.api_key_state s
       set retire_at = least(s.expires_at, keyrota.instant(:as_of) + r.overlap)
      from keyrota.rotation r
     where s.key_id = r.key_id and s.key_id = any (cast(:ids as bigint[])) and r.key_id = any (cast(:ids as bigint[]))
       and r.state = 'delivered' and s.status <> 'expired' and s.retire_at is null
    returning s.key_id, s.retire_at, r.successor_id, r.reason
)
insert into keyrota.audit_entry (key_id, block_id, payload)
select b.key_id, cast(:block_id as bigint),
       jsonb_build_object(
           'action', 'key.overlap', 'key_id', b.key_id, 'run_id', cast(:run_id as bigint), 'at_us', keyrota.micros(now()),
           'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
           'before', jsonb_build_object('retire_at_us', null),
           'after', jsonb_build_object('retire_at_us', keyrota.micros(b.retire_at)),
           'why', jsonb_build_object('reason', b.reason, 'successor_id', b.successor_id))::text
  from begun b
 order by b.key_id
