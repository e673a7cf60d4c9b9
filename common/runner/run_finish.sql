update keyrota.job_run
   set status = :status, complete = (cast(:complete as int) = 1), exit_code = :exit_code, message = :message,
       plan_digest = cast(:plan_digest as text), finished_at = clock_timestamp()
 where run_id = :run_id
