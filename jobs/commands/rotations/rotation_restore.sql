-- A predecessor is what it was before its rotation: out of its overlap, with its end date: only
-- regenerate moves that, to the end of the overlap. One audit entry if it was in one.
with restored as (
    update keyrota.api_key_state s
       set retire_at = null,
           expires_at = case when s.expires_at = s.retire_at and s.expires_at = r.delivered_at + r.overlap
                             then r.predecessor_expires_at else s.expires_at end
      from keyrota.rotation r, keyrota.api_key_state was
     where s.key_id = :key_id and r.key_id = :key_id and r.token = cast(:token as uuid) and was.key_id = :key_id
       and s.status <> 'expired' and s.retire_at is not null
    returning s.key_id,
              jsonb_build_object('expires_at_us', keyrota.micros(was.expires_at), 'retire_at_us', keyrota.micros(was.retire_at)) as before,
              jsonb_build_object('expires_at_us', keyrota.micros(s.expires_at), 'retire_at_us', null) as after
)
insert into keyrota.audit_entry (key_id, block_id, payload)
select r.key_id, cast(:block_id as bigint),
       jsonb_build_object(
           'action', 'key.restore', 'key_id', r.key_id, 'run_id', null, 'at_us', keyrota.micros(now()),
           'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
           'before', r.before, 'after', r.after, 'why', jsonb_build_object('reason', 'rotation cancelled'))::text
  from restored r
