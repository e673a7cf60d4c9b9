-- The closed hours of one key as the detector sees them: without what came late.
select keyrota.micros(hour) as hour, requests - late_requests as requests,
       client_errors + server_errors - late_client_errors - late_server_errors as errors
  from keyrota.usage_hour
 where key_id = :key_id and hour >= (select coalesce(built_from, '1970-01-05 00:00Z') from keyrota.detector_position)
   and hour < keyrota.instant(:until)
 order by hour
