-- The moved states. next_due_at, which is indexed, is only another where it must be, so most updates are HOT.
update keyrota.detector_state s
   set state = w.state, last_hour_at = w.last_hour_at, last_alarm_at = w.last_alarm_at, next_due_at = w.next_due_at
  from pg_temp.detector_written w
 where s.key_id = w.key_id and s.key_id between :first and :last
