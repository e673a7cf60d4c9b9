-- A stretch of keys, each with its new hours in order, with what it is and what is known of it, as detector_batch has it: read
-- where it stands. COPY takes no parameters, so the ends of the stretch are settings; repeated for each table, so that none is
-- read as a whole.
select d.key_id, d.hour, d.requests, d.errors, s.state, s.next_due_at, coalesce(p.anomaly_sensitivity, 'normal'),
       (a.status = 'active' and a.retire_at is null and (a.expires_at is null or a.expires_at > w.as_of))::int
  from pg_temp.detector_window w
 cross join pg_temp.detector_due d
  join keyrota.api_key k
    on k.key_id = d.key_id
   and k.key_id between current_setting('keyrota.stretch_first')::bigint and current_setting('keyrota.stretch_last')::bigint
  join keyrota.api_key_state a
    on a.key_id = d.key_id
   and a.key_id between current_setting('keyrota.stretch_first')::bigint and current_setting('keyrota.stretch_last')::bigint
  left join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
  left join keyrota.detector_state s
    on s.key_id = d.key_id
   and s.key_id between current_setting('keyrota.stretch_first')::bigint and current_setting('keyrota.stretch_last')::bigint
   and length(s.state) = w.state_size and get_byte(s.state, 0) + 256 * get_byte(s.state, 1) = w.state_format
 where d.key_id between current_setting('keyrota.stretch_first')::bigint and current_setting('keyrota.stretch_last')::bigint
   and coalesce(s.last_hour_at < w.until_at - interval '1 hour', true)
 order by d.key_id, d.hour
