-- Runs, newest first, each with the sums over its checks. Sorted by start: identities are not ordered by.
select r.run_id, r.job, r.status, r.exit_code::bigint as exit_code, keyrota.micros(r.as_of) as as_of,
       keyrota.micros(r.started_at) as started_at,
       (extract(epoch from r.finished_at - r.started_at) * 1000)::bigint as duration_ms,
       c.opened, c.resolved, c.planned, c.applied, c.drifted, c.refused, c.failed,
       r.os_user || '@' || r.host as started_by, r.message
  from keyrota.job_run r
  left join (select run_id, sum(opened_total)::bigint as opened, sum(resolved_total)::bigint as resolved,
                    sum(planned_total)::bigint as planned, sum(applied_total)::bigint as applied,
                    sum(drifted_total)::bigint as drifted, sum(refused_total)::bigint as refused,
                    sum(failed_total)::bigint as failed
               from keyrota.run_check group by run_id) c on c.run_id = r.run_id
 where cast(:job as text) is null or r.job = :job
 order by r.started_at desc, r.run_id desc
 limit cast(:limit as bigint)
