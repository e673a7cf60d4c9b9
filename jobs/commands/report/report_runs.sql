-- How each job fared in the last 30 days.
with recent as (
    select r.job, r.run_id, r.as_of, r.complete, r.status
      from keyrota.job_run r
     where r.as_of > keyrota.instant(:as_of) - interval '30 days' and r.as_of <= keyrota.instant(:as_of)
       and r.status not in ('planned', 'running')
)
select r.job, count(distinct r.run_id) as runs, count(distinct r.run_id) filter (where not r.complete) as incomplete,
       keyrota.micros(max(r.as_of)) as last_at, keyrota.micros(max(r.as_of) filter (where r.complete)) as last_complete_at,
       coalesce(sum(c.opened_total), 0)::bigint as opened, coalesce(sum(c.resolved_total), 0)::bigint as resolved,
       coalesce(sum(c.applied_total) filter (where c.pass not in ('chore', 'step')), 0)::bigint as applied,
       coalesce(sum(c.refused_total), 0)::bigint as refused
  from recent r
  left join keyrota.run_check c on c.run_id = r.run_id
 group by r.job
 order by r.job
 limit 100
