-- Each key of the batch, then its hours in order: first what is known of it, then what is new. Late samples were never seen.
-- A key without a state has all of its hours read.
select b.key_id, null::timestamptz as hour, null::bigint as requests, null::bigint as errors, b.state, b.next_due_at, b.sensitivity,
       b.expects_use::int
  from pg_temp.detector_batch b
 union all
select h.key_id, h.hour, h.requests - h.late_requests,
       h.client_errors + h.server_errors - h.late_client_errors - h.late_server_errors, null, null, null, null
  from pg_temp.detector_batch b
  join keyrota.usage_hour h on h.key_id = b.key_id
 where b.state is not null and h.hour > b.last_hour_at
   and h.hour >= (select from_at from pg_temp.detector_window) and h.hour < (select until_at from pg_temp.detector_window)
 union all
select h.key_id, h.hour, h.requests - h.late_requests,
       h.client_errors + h.server_errors - h.late_client_errors - h.late_server_errors, null, null, null, null
  from pg_temp.detector_batch b
  join keyrota.usage_hour h on h.key_id = b.key_id
 where b.state is null
   and h.hour >= (select coalesce(built_from, '1970-01-05 00:00Z') from keyrota.detector_position)
   and h.hour < (select until_at from pg_temp.detector_window)
 order by 1, 2 nulls first
