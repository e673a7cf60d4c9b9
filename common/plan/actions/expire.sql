-- Action expire: the end date has come. Takes and re-checks in one statement; what is missing from the answer drifted (it
-- was renewed, deleted, expired by somebody else) or is locked. The key_id condition stands on both tables, so that a
-- distributed api_key_state is reached on the shards of these ids only. Before and after are JSON; a status needs no escape.
with due as (
    select key_id, status
      from keyrota.api_key_state
     where key_id = any (cast(:ids as bigint[])) and status <> 'expired' and expires_at <= keyrota.instant(:as_of)
     order by key_id
       for update skip locked
), done as (
    update keyrota.api_key_state s
       set status = 'expired'
      from due
     where s.key_id = due.key_id and s.key_id = any (cast(:ids as bigint[]))
       and s.status <> 'expired' and s.expires_at <= keyrota.instant(:as_of)
    returning s.key_id, '{"status": "' || due.status || '"}' as before, '{"status": "expired"}' as after
)
select array_agg(key_id)::text as ids, array_agg(before)::text as befores, array_agg(after)::text as afters,
       count(*) as total
  from done
