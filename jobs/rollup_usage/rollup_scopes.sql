-- Scopes that a key used, 64 a key at most. What would move by less than an hour stays as it is: in a busy hour nothing is
-- written here. What a key has already is counted for all keys at once, before anything is written: asked for each row it
-- would be a scan of what this statement has written so far, while the table is new.
with used as (
    select key_id, scope, max(last_at) as last_at from pg_temp.usage_grain where scope is not null group by key_id, scope
), changed as (
    select u.key_id, u.scope, u.last_at, s.key_id is null as is_new
      from used u
      left join keyrota.usage_scope s on s.key_id = u.key_id and s.scope = u.scope
     where s.key_id is null or u.last_at > s.last_used_at + interval '1 hour'
), had as materialized (
    select key_id, count(*) as total from keyrota.usage_scope
     where key_id in (select key_id from changed where is_new) group by key_id
), placed as (
    select c.*, row_number() over (partition by c.key_id, c.is_new order by c.last_at desc, c.scope)
                + coalesce(h.total, 0) as place
      from changed c
      left join had h on h.key_id = c.key_id
)
insert into keyrota.usage_scope as s (key_id, scope, last_used_at)
select key_id, scope, last_at from placed where not is_new or place <= 64
 order by key_id, scope
    on conflict (key_id, scope) do update set last_used_at = greatest(s.last_used_at, excluded.last_used_at)
