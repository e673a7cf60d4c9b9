update keyrota.waiver changed
   set checks = w.checks, teams = w.teams, owners = w.owners, environments = w.environments, names = w.names,
       key_ids = w.key_ids, except_teams = w.except_teams, except_owners = w.except_owners,
       except_environments = w.except_environments, except_names = w.except_names, except_key_ids = w.except_key_ids,
       reason = w.reason, requested_by = w.requested_by, approved_by = w.approved_by, expires_at = w.expires_at
  from jsonb_populate_record(null::keyrota.waiver, cast(:waiver as jsonb)) w
 where changed.waiver_id = :waiver_id
returning keyrota.waiver_record(changed)::text as record
