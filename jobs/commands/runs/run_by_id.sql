select r.run_id, r.job, r.shard, r.status, r.complete::int::bigint as complete, r.exit_code::bigint as exit_code, r.message,
       keyrota.micros(r.as_of) as as_of, keyrota.micros(r.started_at) as started_at,
       keyrota.micros(r.finished_at) as finished_at,
       (extract(epoch from r.finished_at - r.started_at) * 1000)::bigint as duration_ms, r.options::text as options,
       r.os_user || '@' || r.host || ', process ' || r.process_id as started_by, r.session_user_name, r.program_version,
       r.plan_digest, r.applied_by_run_id
  from keyrota.job_run r
 where r.run_id = :run_id
