-- A finding about the runner itself (no key), opened or kept open by the run that noticed.
insert into keyrota.finding as f
       (key_id, uid, check_id, detail, status, severity, evidence, opened_at, changed_at, run_id)
select 0, keyrota.finding_uid(c.check_id, 0, c.detail), c.check_id, c.detail, 'open', cast(:severity as smallint),
       cast(:evidence as jsonb), c.at, c.at, cast(:run_id as bigint)
  from (select cast(:check_id as text) as check_id, cast(:detail as text) as detail,
               keyrota.instant(:as_of) as at) c
    on conflict (key_id, uid) do update
   set status = 'open', resolution = null, resolved_at = null, severity = excluded.severity,
       evidence = excluded.evidence, episode = f.episode + 1, opened_at = excluded.opened_at,
       changed_at = excluded.changed_at, run_id = excluded.run_id
 where f.status = 'resolved'
