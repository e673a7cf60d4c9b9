-- The newest audit entries of one key.
select at_us as at, action, run_id, payload::jsonb -> 'actor' ->> 'os_user' as by, payload::jsonb ->> 'before' as before,
       payload::jsonb ->> 'after' as after
  from keyrota.audit_entry
 where key_id = :key_id
 order by at_us desc, entry_id desc
 limit 20
