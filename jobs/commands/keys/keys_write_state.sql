-- What changes of their state.
update keyrota.api_key_state s
   set status = case when c.after ? 'status' then c.after ->> 'status' else s.status end,
       expires_at = case when c.after ? 'expires_at_us' then keyrota.instant((c.after ->> 'expires_at_us')::bigint)
                         else s.expires_at end,
       deactivated_at = case when c.after ? 'deactivated_at_us'
                             then keyrota.instant((c.after ->> 'deactivated_at_us')::bigint) else s.deactivated_at end
  from jsonb_to_recordset(cast(:changes as jsonb)) as c (key_id bigint, after jsonb)
 where s.key_id = c.key_id and s.key_id = any (cast(:ids as bigint[]))
   and c.after ?| array['status', 'expires_at_us', 'deactivated_at_us']
