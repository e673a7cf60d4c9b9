-- A plan file instead of a check's own statement: its items, but for the keys that are no longer as the plan saw them.
insert into pg_temp.check_result (key_id, detail, severity, action, due_at, evidence)
select a.key_id, a.detail, a.severity, a.action, a.due_at, a.evidence::jsonb
  from pg_temp.approved_item a
  join keyrota.api_key_state s on s.key_id = a.key_id
 where a.check_id = :check_id and s.status = a.status and s.expires_at is not distinct from a.expires_at
