-- WAIVER-UNMATCHED, standing: a waiver in force that covers nothing. A check counts as known that a job evaluates, or did.
-- The search for a key stops at the first; a waiver without one reads all keys.
select 0::bigint as key_id, w.name as detail, 1 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('waiver', w.name, 'unknown_checks', to_jsonb(w.unknown), 'matches_keys', w.matches) as evidence
  from (select in_force.name,
               array(select c from unnest(in_force.checks) c
                      where c <> all (cast(:known as text[]))
                        and not exists (select from keyrota.run_check r where r.check_id = c)) as unknown,
               coalesce((select true from keyrota.waiver_key v where v.waiver_id = in_force.waiver_id limit 1), false)
                   as matches
          from keyrota.waiver in_force
         where in_force.ended_at is null and in_force.expires_at > keyrota.instant(:as_of)) w
 where cardinality(w.unknown) > 0 or not w.matches
