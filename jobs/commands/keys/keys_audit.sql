-- One audit entry for each changed key.
insert into keyrota.audit_entry (key_id, block_id, payload)
select c.key_id, cast(:block_id as bigint),
       jsonb_build_object(
           'action', cast(:action as text), 'key_id', c.key_id, 'run_id', null, 'at_us', keyrota.micros(now()),
           'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
           'before', c.before, 'after', c.after, 'why', null)::text
  from jsonb_to_recordset(cast(:changes as jsonb)) as c (key_id bigint, before jsonb, after jsonb)
 order by c.key_id
