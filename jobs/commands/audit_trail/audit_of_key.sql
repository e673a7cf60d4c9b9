-- Audit entries of one key, newest first, found by the primary key; 0 is what concerns no key. Two entries of one
-- transaction have the same instant.
select e.entry_id, e.at_us as at, e.action, e.run_id, b.height, said.payload -> 'actor' ->> 'os_user' as os_user,
       said.payload -> 'actor' ->> 'host' as host, said.payload -> 'actor' ->> 'session_user' as session_user,
       (said.payload -> 'before')::text as before, (said.payload -> 'after')::text as after,
       (said.payload -> 'why')::text as why
  from keyrota.audit_entry e
 cross join lateral (select e.payload::jsonb as payload) said
  left join keyrota.audit_block b on b.block_id = e.block_id
 where e.key_id = :key_id
 order by e.at_us desc, e.entry_id desc
 limit cast(:limit as bigint)
