select s.address, s.failures::bigint as failures, s.reason, s.added_by, keyrota.micros(s.last_failure_at) as last_failure_at,
       keyrota.micros(s.suppressed_at) as suppressed_at
  from keyrota.suppression s
 where s.suppressed_at is not null
 order by s.address
