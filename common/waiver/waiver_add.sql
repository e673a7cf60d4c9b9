insert into keyrota.waiver as made
       (name, source, checks, teams, owners, environments, names, key_ids, except_teams, except_owners,
        except_environments, except_names, except_key_ids, reason, requested_by, approved_by, created_at, expires_at)
select name, :source, checks, teams, owners, environments, names, key_ids, except_teams, except_owners,
       except_environments, except_names, except_key_ids, reason, requested_by, approved_by, keyrota.instant(:at), expires_at
  from jsonb_populate_record(null::keyrota.waiver, cast(:waiver as jsonb))
returning waiver_id, keyrota.waiver_record(made)::text as record
