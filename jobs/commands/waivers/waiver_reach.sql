-- What a waiver is for, and how much it covers at present. Reads all keys.
select w.name, to_jsonb(w.checks)::text as checks_json, keyrota.micros(w.expires_at) as expires_at,
       nullif(jsonb_strip_nulls(jsonb_build_object(
           'teams', w.teams, 'owners', w.owners, 'environments', w.environments, 'names', w.names,
           'key_ids', w.key_ids)), '{}')::text as match_json,
       nullif(jsonb_strip_nulls(jsonb_build_object(
           'teams', w.except_teams, 'owners', w.except_owners, 'environments', w.except_environments,
           'names', w.except_names, 'key_ids', w.except_key_ids)), '{}')::text as except_json,
       (select count(*) from keyrota.waiver_key v where v.waiver_id = w.waiver_id) as keys,
       (select count(*)
          from keyrota.finding f
          join keyrota.waiver_key v on v.key_id = f.key_id
         where v.waiver_id = w.waiver_id and f.check_id = any (w.checks) and f.status <> 'resolved') as findings
  from keyrota.waiver w
 where w.waiver_id = :waiver_id
