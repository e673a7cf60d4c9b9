-- Waivers: those in force first, then by their end. Whether one that is in force matches any key: the search stops at the
-- first.
select w.name, case when w.ended_at is not null then 'ended'
                    when w.expires_at <= keyrota.instant(:at) then 'expired' else 'in force' end as state,
       array_to_string(w.checks, ', ') as checks,
       concat_ws('; ', 'teams ' || array_to_string(w.teams, ', '), 'owners ' || array_to_string(w.owners, ', '),
                 array_to_string(w.environments, ', '), 'named ' || array_to_string(w.names, ', '),
                 'key_ids ' || array_to_string(w.key_ids, ', '),
                 case when num_nonnulls(w.except_teams, w.except_owners, w.except_environments, w.except_names,
                                        w.except_key_ids) > 0 then 'but for ' || concat_ws(
                     ' and ', 'teams ' || array_to_string(w.except_teams, ', '),
                     'owners ' || array_to_string(w.except_owners, ', '), array_to_string(w.except_environments, ', '),
                     'named ' || array_to_string(w.except_names, ', '),
                     'key_ids ' || array_to_string(w.except_key_ids, ', ')) end) as keys,
       coalesce(f.total, 0) as findings, keyrota.micros(w.expires_at) as expires_at, w.approved_by, w.reason, w.requested_by,
       w.source,
       case when w.ended_at is null and w.expires_at > keyrota.instant(:at)
            then coalesce((select true from keyrota.waiver_key v where v.waiver_id = w.waiver_id limit 1), false)
            else false end::int as matches_keys,
       nullif(jsonb_strip_nulls(jsonb_build_object(
           'teams', w.teams, 'owners', w.owners, 'environments', w.environments, 'names', w.names,
           'key_ids', w.key_ids)), '{}')::text as match_json,
       nullif(jsonb_strip_nulls(jsonb_build_object(
           'teams', w.except_teams, 'owners', w.except_owners, 'environments', w.except_environments,
           'names', w.except_names, 'key_ids', w.except_key_ids)), '{}')::text as except_json,
       keyrota.micros(w.created_at) as created_at, keyrota.micros(w.ended_at) as ended_at, w.ended_why
  from keyrota.waiver w
  left join (select waiver_id, count(*) as total from keyrota.finding where status = 'waived' group by waiver_id) f
         on f.waiver_id = w.waiver_id
 where cast(:all as int) = 1 or w.ended_at is null
 order by w.ended_at is not null, w.expires_at <= keyrota.instant(:at), w.expires_at, w.name
