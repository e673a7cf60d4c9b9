-- A run whose closing failed has no end of its own. The last success is the database's word, so that neither a failed
-- run nor a lost file forgets it; the newest complete run stands at the beginning of job_run_job_as_of_idx.
select keyrota.micros(coalesce(r.finished_at, clock_timestamp())) as finished,
       keyrota.micros(coalesce(r.finished_at, clock_timestamp())) - keyrota.micros(r.started_at) as duration_us,
       (select keyrota.micros(c.finished_at) from keyrota.job_run c
         where c.job = :job and c.shard = '1/1' and c.complete order by c.as_of desc limit 1) as last_success
  from keyrota.job_run r
 where r.run_id = :run_id
