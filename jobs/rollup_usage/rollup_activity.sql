-- When a key was last used, where that moves by more than a minute. A key that was deleted in the meantime has no row here.
update keyrota.api_key_activity a
   set last_used_at = n.last_at
  from (select key_id, max(last_at) as last_at from pg_temp.usage_grain group by key_id) n
 where a.key_id = n.key_id and (a.last_used_at is null or n.last_at > a.last_used_at + interval '1 minute')
