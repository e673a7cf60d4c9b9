-- Runs past their retention. What others go by stays: the newest run of a job (RUN-MISSED, `status`), and of each check
-- the newest complete one (the watermark; the guard of time). Newest as of now: a run of a future that did not come is no
-- last one, `resume` forgets it. Reads all of both tables: some ten thousand rows with the retentions as they are shipped.
with kept as (
    (select distinct on (job, shard) run_id
       from keyrota.job_run
      where as_of <= keyrota.instant(:as_of)
      order by job, shard, as_of desc)
    union all
    (select distinct on (r.job, r.shard, c.check_id) r.run_id
       from keyrota.job_run r
       left join keyrota.run_check c on c.run_id = r.run_id and c.pass <> 'unknown'
      where r.complete and r.as_of <= keyrota.instant(:as_of)
      order by r.job, r.shard, c.check_id, r.as_of desc)
)
select r.run_id as id
  from keyrota.job_run r
 where r.status <> 'running'
   and r.run_id not in (select run_id from kept)
   and (r.as_of <= keyrota.instant(:runs_before)
        or (r.as_of <= keyrota.instant(:idle_runs_before) and r.complete
            and not exists (select from keyrota.run_check c
                             where c.run_id = r.run_id
                               and c.found_total + c.opened_total + c.changed_total + c.resolved_total + c.planned_total
                                   + c.applied_total + c.drifted_total + c.refused_total + c.failed_total > 0)))
