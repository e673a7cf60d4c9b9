-- A batch of keys with what they are and what is known of them. A state of another format is none: it is made anew. One that
-- has seen all hours was stepped by a run that was cut off. A key that is over, or is being replaced, falls silent because it
-- should.
insert into pg_temp.detector_batch (key_id, state, last_hour_at, next_due_at, sensitivity, expects_use)
select k.key_id, s.state, s.last_hour_at, s.next_due_at, coalesce(p.anomaly_sensitivity, 'normal'),
       a.status = 'active' and a.retire_at is null and (a.expires_at is null or a.expires_at > w.as_of)
  from pg_temp.detector_window w
 cross join unnest(cast(:ids as bigint[])) as d(key_id)
  join keyrota.api_key k on k.key_id = d.key_id
  join keyrota.api_key_state a on a.key_id = k.key_id
  left join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
  left join keyrota.detector_state s
         on s.key_id = k.key_id and length(s.state) = w.state_size
        and get_byte(s.state, 0) + 256 * get_byte(s.state, 1) = w.state_format
 where coalesce(s.last_hour_at < w.until_at - interval '1 hour', true)
