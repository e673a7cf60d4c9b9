-- One audit entry for each successor, with all that is known of it and whose place it takes.
insert into keyrota.audit_entry (key_id, block_id, payload)
select k.key_id, cast(:block_id as bigint),
       jsonb_build_object(
           'action', 'key.create', 'key_id', k.key_id, 'run_id', cast(:run_id as bigint), 'at_us', keyrota.micros(now()),
           'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
           'before', null, 'after', keyrota.key_record(k, s),
           'why', jsonb_build_object('reason', cast(:reason as text), 'predecessor_id', k.predecessor_id))::text
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
 where k.key_id = any (cast(:successor_ids as bigint[])) and s.key_id = any (cast(:successor_ids as bigint[]))
 order by k.key_id
