-- What is known here of a plan file: left join, so that an unknown run leaves the columns null.
select i.installation_uuid::text as installation, r.plan_digest, r.applied_by_run_id, keyrota.micros(r.as_of) as as_of,
       keyrota.micros(coalesce(keyrota.instant(:as_of), clock_timestamp())) as now
  from keyrota.installation i
  left join keyrota.job_run r on r.run_id = :run_id and r.job = :job and r.status = 'planned'
