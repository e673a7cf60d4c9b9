-- The new hours themselves, in key order (a BRIN index knows where these are): read once, and not again key by key. Without
-- an hour, silent keys whose silence would alarm by now. Of these the worker's share, every so-many-th stretch of 4,096 ids.
-- Late samples were never seen.
insert into pg_temp.detector_due (key_id, hour, requests, errors)
select due.*
  from (select h.key_id, h.hour, h.requests - h.late_requests as requests,
               h.client_errors + h.server_errors - h.late_client_errors - h.late_server_errors as errors
          from keyrota.usage_hour h
         where h.hour >= keyrota.instant(:from) and h.hour < keyrota.instant(:until)
         union all
        select s.key_id, null, null, null
          from keyrota.detector_state s where s.next_due_at < keyrota.instant(:until)) due
 where (due.key_id >> 12) % cast(:workers as bigint) = cast(:worker as bigint)
 order by due.key_id, due.hour
