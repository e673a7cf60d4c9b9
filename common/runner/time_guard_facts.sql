-- What the guards of time and place compare: the database as the last run saw it and as it is, the job's newest complete
-- run, a person's word that it may go on, and why it is held back already.
select (i.system_identifier <> s.system_identifier)::int as other_cluster,
       (i.timeline_id <> keyrota.current_timeline())::int as other_timeline,
       (pg_snapshot_xmax(pg_current_snapshot()) < i.last_xid)::int as counter_behind,
       (select keyrota.micros(r.as_of) from keyrota.job_run r
         where r.job = :job and r.shard = '1/1' and r.complete order by r.as_of desc limit 1) as last_complete,
       (select keyrota.micros(resumed_at) from keyrota.job_resume where job = :job) as resumed,
       (select f.evidence ->> 'reason' from keyrota.finding f
         where f.key_id = 0 and f.check_id = 'RUN-HELD' and f.detail = :job and f.status <> 'resolved') as held_for
  from keyrota.installation i, pg_control_system() s
