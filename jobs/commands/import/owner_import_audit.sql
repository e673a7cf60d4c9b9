-- The trail names owners by their number: it outlives what a person is called.
insert into keyrota.audit_entry (key_id, block_id, payload)
select 0, cast(:block_id as bigint),
       json_build_object('action', case when c.made then 'owner.import' else 'owner.import_update' end,
                         'key_id', 0, 'run_id', null, 'at_us', keyrota.micros(now()),
                         'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
                         'before', case when not c.made then c.old || jsonb_build_object('owner_id', c.owner_id) end,
                         'after', c.new || jsonb_build_object('owner_id', c.owner_id)
                                  || case when c.renamed and not c.made then '{"name": "changed"}'::jsonb else '{}' end,
                         'why', cast(:why as json))::text
  from pg_temp.owner_import_changed c
 where c.ordinal between :first and :last
