-- Ends keys at an instant: as_of, and they are expired by this; a later one, and their overlap begins. An end date only
-- ever comes nearer. One audit entry for each key that differs afterwards; `was` is read in the snapshot before the update.
with ended as (
    update keyrota.api_key_state s
       set status = case when to_come.ends_at <= to_come.as_of then 'expired' else s.status end,
           expires_at = least(s.expires_at, to_come.ends_at),
           retire_at = case when to_come.ends_at > to_come.as_of then least(s.expires_at, to_come.ends_at) end
      from keyrota.api_key_state was,
           (select keyrota.instant(:as_of) as as_of, keyrota.instant(:ends_at) as ends_at) to_come
     where s.key_id = was.key_id and s.key_id = any (cast(:ids as bigint[])) and was.key_id = any (cast(:ids as bigint[]))
       and s.status <> 'expired'
    returning s.key_id,
              jsonb_build_object('status', was.status, 'expires_at_us', keyrota.micros(was.expires_at),
                                 'retire_at_us', keyrota.micros(was.retire_at)) as before,
              jsonb_build_object('status', s.status, 'expires_at_us', keyrota.micros(s.expires_at),
                                 'retire_at_us', keyrota.micros(s.retire_at)) as after
), audited as (
    insert into keyrota.audit_entry (key_id, block_id, payload)
    select e.key_id, cast(:block_id as bigint),
           jsonb_build_object(
               'action', cast(:action as text), 'key_id', e.key_id, 'run_id', cast(:run_id as bigint),
               'at_us', keyrota.micros(now()),
               'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
               'before', e.before, 'after', e.after, 'why', cast(:why as jsonb))::text
      from ended e
     order by e.key_id
)
select key_id from ended
