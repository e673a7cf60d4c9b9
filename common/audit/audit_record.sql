-- One audit entry about no key, or about one, that no batch writes.
insert into keyrota.audit_entry (key_id, block_id, payload)
select cast(:key_id as bigint), cast(:block_id as bigint),
       jsonb_build_object(
           'action', cast(:action as text), 'key_id', cast(:key_id as bigint), 'run_id', cast(:run_id as bigint),
           'at_us', keyrota.micros(now()),
           'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
           'before', cast(:before as jsonb), 'after', cast(:after as jsonb), 'why', cast(:why as jsonb))::text
