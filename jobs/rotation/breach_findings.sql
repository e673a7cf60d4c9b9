-- KEY-BREACHED of these keys: open until somebody acknowledges it; one that is known already stays as it is.
insert into keyrota.finding as f
       (key_id, uid, check_id, detail, status, severity, evidence, opened_at, changed_at, run_id)
select b.key_id, keyrota.finding_uid('KEY-BREACHED', b.key_id, ''), 'KEY-BREACHED', '', 'open', 5, b.evidence, t.at, t.at, 0
  from jsonb_to_recordset(cast(:breaches as jsonb)) as b (key_id bigint, evidence jsonb),
       (select keyrota.instant(:as_of) as at) t
 order by b.key_id
    on conflict (key_id, uid) do update
   set status = 'open', resolution = null, resolved_at = null, severity = excluded.severity, evidence = excluded.evidence,
       episode = f.episode + 1, opened_at = excluded.opened_at, changed_at = excluded.changed_at, run_id = 0
 where f.status = 'resolved'
