-- A plan is applied once, whoever comes first.
update keyrota.job_run
   set applied_by_run_id = :run_id
 where run_id = :planned_run_id and plan_digest = :digest and applied_by_run_id is null
