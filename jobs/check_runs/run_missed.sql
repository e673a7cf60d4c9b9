-- RUN-MISSED, standing: a job that has run here has not completed for longer than twice its schedule. One that
-- never ran is nobody's promise: not every installation starts every job. Each job walks job_run_job_as_of_idx from its end.
select 0::bigint as key_id, s.job as detail, 4 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('job', s.job, 'last_good_at_us', keyrota.micros(s.last_good), 'period_us', s.period_us) as evidence
  from (select p.job, p.period_us, p.first_run,
               (select max(r.as_of) from keyrota.job_run r
                 where r.job = p.job and r.shard = '1/1' and r.complete and r.as_of <= keyrota.instant(:as_of)) as last_good
          from (select e.job, e.period_us,
                       (select min(r.as_of) from keyrota.job_run r
                         where r.job = e.job and r.shard = '1/1' and r.status <> 'planned') as first_run
                  from unnest(cast(:jobs as text[]), cast(:periods_us as bigint[])) as e (job, period_us)) p) s
 where coalesce(s.last_good, s.first_run) < keyrota.instant(:as_of) - 2 * s.period_us * interval '1 microsecond'
