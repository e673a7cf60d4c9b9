insert into keyrota.audit_entry (key_id, block_id, payload)
select key_id, cast(:block_id as bigint),
       json_build_object('action', 'key.expire', 'key_id', key_id, 'run_id', null, 'at_us', keyrota.micros(now()),
                         'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
                         'before', json_build_object('status', status), 'after', json_build_object('status', 'expired'),
                         'why', cast(:why as json))::text
  from pg_temp.key_import_vanished
 where status <> 'expired' and ordinal between :first and :last
