-- Owners that were made for the keys of a file. No address: the entry outlives the owner.
insert into keyrota.audit_entry (key_id, block_id, payload)
select 0, cast(:block_id as bigint),
       json_build_object('action', 'owner.import', 'key_id', 0, 'run_id', null, 'at_us', keyrota.micros(now()),
                         'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
                         'before', null, 'after', json_build_object('owner_id', owner_id, 'active', true),
                         'why', cast(:why as json))::text
  from pg_temp.key_import_owner
 where made
