-- Counts only what the run's own checks leave open: finding_unresolved_idx leads to those rows.
select check_id, severity::bigint as severity, count(*) as open_total
  from keyrota.finding
 where check_id = any (cast(:checks as text[])) and status = 'open'
 group by check_id, severity
 order by check_id, severity
