-- Each job's newest run, the as_of of its newest good one, and who is at work on it, as at one instant. Each job walks
-- job_run_job_as_of_idx from its end.
select e.job, last.run_id, last.status, last.exit_code::bigint as exit_code, last.message,
       keyrota.micros(last.as_of) as last_run,
       (extract(epoch from last.finished_at - last.started_at) * 1000)::bigint as duration_ms,
       keyrota.micros(e.last_good) as last_good, l.holder, keyrota.micros(l.acquired_at) as acquired_at
  from (select jobs.job, jobs.rank,
               (select r.run_id from keyrota.job_run r
                 where r.job = jobs.job and r.shard = '1/1' and r.status <> 'planned'
                   and r.as_of <= keyrota.instant(:as_of)
                 order by r.as_of desc, r.started_at desc limit 1) as last_run_id,
               (select max(r.as_of) from keyrota.job_run r
                 where r.job = jobs.job and r.shard = '1/1' and r.complete
                   and r.as_of <= keyrota.instant(:as_of)) as last_good
          from unnest(cast(:jobs as text[])) with ordinality as jobs (job, rank)) e
  left join keyrota.job_run last on last.run_id = e.last_run_id
  left join keyrota.job_lease l on l.job = e.job and l.shard = '1/1' and keyrota.lease_lives(l)
 order by e.rank
