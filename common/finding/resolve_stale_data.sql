-- A job's RUN-STALE-DATA about gateways that leave nothing unknown any more. No other job's.
update keyrota.finding
   set status = 'resolved', resolution = 'absence', resolved_at = keyrota.instant(:as_of),
       changed_at = keyrota.instant(:as_of), run_id = :run_id
 where key_id = 0 and check_id = 'RUN-STALE-DATA' and status <> 'resolved'
   and starts_with(detail, cast(:job as text) || '/') and not cast(:still as jsonb) ? detail
