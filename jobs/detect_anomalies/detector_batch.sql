-- A batch of keys with what they are and what is known of them. A state of another format is none: it is made anew.
insert into pg_temp.detector_batch (key_id, state, last_hour_at, next_due_at, sensitivity)
select k.key_id, s.state, s.last_hour_at, s.next_due_at, coalesce(p.anomaly_sensitivity, 'normal')
  from pg_temp.detector_due d
  join keyrota.api_key k on k.key_id = d.key_id
  left join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
  left join keyrota.detector_state s
         on s.key_id = k.key_id and length(s.state) = :size and get_byte(s.state, 0) + 256 * get_byte(s.state, 1) = :format
 where d.key_id between :first and :last
