-- What is the same for all entries is made once, and the entries are texts: building them as jsonb costs as much as the rest.
insert into keyrota.audit_entry (key_id, block_id, payload)
select n.key_id, cast(:block_id as bigint),
       about.beginning || ', "key_id": ' || n.key_id || ', "before": null, "after": '
       || json_build_object('source', cast(:source as text), 'external_id', n.external_id, 'owner_id', n.owner_id,
                            'name', n.name, 'type', n.type, 'environment', n.environment,
                            'scopes', coalesce(n.scopes, '{}'), 'service_plan_id', n.service_plan_id,
                            'status', n.status, 'expires_at_us', keyrota.micros(n.expires_at))
       || '}'
  from (select left(jsonb_build_object(
                        'action', 'key.import', 'run_id', null, 'at_us', keyrota.micros(now()),
                        'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
                        'why', cast(:why as jsonb))::text, -1) as beginning
        offset 0) about,
       pg_temp.key_import_new n
 where n.ordinal between :first and :last
