select check_id, pass, keyrota.micros(since_at) as since_at, found_total, opened_total, changed_total, resolved_total,
       planned_total, applied_total, drifted_total, refused_total, failed_total, error
  from keyrota.run_check
 where run_id = :run_id
 order by check_id
