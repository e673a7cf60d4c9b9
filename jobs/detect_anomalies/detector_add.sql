-- The states that were made, in key order; that of another format, whose key had one all along, is among the moved ones.
insert into keyrota.detector_state (key_id, state, last_hour_at, last_alarm_at, next_due_at)
select w.key_id, w.state, w.last_hour_at, w.last_alarm_at, w.next_due_at
  from pg_temp.detector_written w
  join keyrota.api_key k on k.key_id = w.key_id
 where w.is_new and not exists (select from keyrota.detector_state s where s.key_id = w.key_id)
 order by w.key_id
   for key share of k
