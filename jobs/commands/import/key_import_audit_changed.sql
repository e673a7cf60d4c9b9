-- Before and after hold what changed and nothing else; of a secret only that it did.
insert into keyrota.audit_entry (key_id, block_id, payload)
select c.key_id, cast(:block_id as bigint),
       json_build_object('action', 'key.import_update', 'key_id', c.key_id, 'run_id', null, 'at_us', keyrota.micros(now()),
                         'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
                         'before', change.before, 'after', change.after, 'why', cast(:why as json))::text
  from pg_temp.key_import_changed c,
       lateral (select jsonb_object_agg(f.name, f.before) as before, jsonb_object_agg(f.name, f.after) as after
                  from (values ('name', to_jsonb(c.old_name), to_jsonb(c.name)),
                               ('owner_id', to_jsonb(c.old_owner_id), to_jsonb(c.owner_id)),
                               ('type', to_jsonb(c.old_type), to_jsonb(c.type)),
                               ('environment', to_jsonb(c.old_environment), to_jsonb(c.environment)),
                               ('prefix', to_jsonb(c.old_prefix), to_jsonb(c.prefix)),
                               ('hint', to_jsonb(c.old_hint), to_jsonb(c.hint)),
                               ('scopes', to_jsonb(c.old_scopes), to_jsonb(c.scopes)),
                               ('service_plan_id', to_jsonb(c.old_service_plan_id), to_jsonb(c.service_plan_id)),
                               ('created_at_us', to_jsonb(keyrota.micros(c.old_created_at)),
                                                 to_jsonb(keyrota.micros(c.created_at))),
                               ('status', to_jsonb(c.old_status), to_jsonb(c.status)),
                               ('expires_at_us', to_jsonb(keyrota.micros(c.old_expires_at)),
                                                 to_jsonb(keyrota.micros(c.expires_at))),
                               ('secret', to_jsonb(case when c.new_secret_hash is not null then 'former' end),
                                          to_jsonb(case when c.new_secret_hash is not null then 'replaced' end)))
                       f (name, before, after)
                 where f.before is distinct from f.after) change
 where c.ordinal between :first and :last
