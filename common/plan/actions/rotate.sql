-- Action rotate: the key's rotation is requested; the job rotate-keys does it. Takes and re-checks in one statement, as
-- expire.sql does. A key that has an unfinished rotation is left alone, whoever asked for that.
with due as (
    select s.key_id, s.expires_at, p.rotation_sink, p.rotation_overlap
      from keyrota.api_key_state s
      join keyrota.api_key k on k.key_id = s.key_id
      join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
     where s.key_id = any (cast(:ids as bigint[])) and k.key_id = any (cast(:ids as bigint[]))
       and k.source = 'native' and s.status = 'active' and s.retire_at is null
       and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))
       and p.rotation_action = 'rotate' and k.created_at <= keyrota.instant(:as_of) - p.rotation_max_age
     order by s.key_id
       for update of s skip locked
), done as (
    insert into keyrota.rotation as r (key_id, token, reason, state, sink, overlap, predecessor_expires_at, requested_at, changed_at)
    select key_id, gen_random_uuid(), 'scheduled', 'requested', rotation_sink, rotation_overlap, expires_at,
           keyrota.instant(:as_of), keyrota.instant(:as_of)
      from due
        on conflict (key_id) where state not in ('retired', 'cancelled') do nothing
    returning r.key_id, 'null' as before, keyrota.rotation_record(r)::text as after
)
select array_agg(key_id)::text as ids, array_agg(before)::text as befores, array_agg(after)::text as afters,
       count(*) as total
  from done
