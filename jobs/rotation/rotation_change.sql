-- Changes rotations that are as they were seen: in that state, with that successor. `becomes` names the columns that differ.
-- One audit entry for each. The caller holds the keys' locks.
with wanted as (
    select w.key_id, w.token, w.was_state, w.was_successor_id, w.becomes, w.why
      from jsonb_to_recordset(cast(:changes as jsonb))
           as w (key_id bigint, token uuid, was_state text, was_successor_id bigint, becomes jsonb, why jsonb)
), changed as (
    update keyrota.rotation r
       set state = n.state, successor_id = n.successor_id, earlier_successor_ids = n.earlier_successor_ids, reason = n.reason,
           sink = n.sink, overlap = n.overlap, held = n.held, tries = n.tries, retry_at = n.retry_at, failure = n.failure,
           delivered_at = n.delivered_at, claimed_pid = n.claimed_pid, claimed_start = n.claimed_start,
           changed_at = keyrota.instant(:as_of)
      from wanted w
      join keyrota.rotation was on was.key_id = w.key_id and was.token = w.token
     cross join lateral jsonb_populate_record(was, w.becomes) n
     where r.key_id = w.key_id and r.token = w.token and r.key_id = any (cast(:ids as bigint[]))
       and was.key_id = any (cast(:ids as bigint[]))
       and r.state = w.was_state and r.successor_id is not distinct from w.was_successor_id
    returning r.key_id, r.token, w.why, keyrota.rotation_record(was) as before, keyrota.rotation_record(r) as after
), audited as (
    insert into keyrota.audit_entry (key_id, block_id, payload)
    select c.key_id, cast(:block_id as bigint),
           jsonb_build_object(
               'action', cast(:action as text), 'key_id', c.key_id, 'run_id', cast(:run_id as bigint), 'at_us', keyrota.micros(now()),
               'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
               'before', c.before, 'after', c.after, 'why', c.why)::text
      from changed c
     order by c.key_id
)
select key_id, token::text as token from changed order by key_id
