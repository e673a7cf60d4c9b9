-- Action retire: a predecessor's overlap is over, and it expires at once. Takes and re-checks in one statement, as expire.sql
-- does; what keyrota.overlap_is_over says is the condition. Its rotation ends in the same statement.
with due as (
    select s.key_id, s.status, s.expires_at, s.retire_at, o.token
      from keyrota.api_key_state s
      join keyrota.overlap o on o.key_id = s.key_id
     cross join (select keyrota.usage_known_since(keyrota.instant(:as_of),
                                                  cast(:silent_after_us as bigint) * interval '1 microsecond') as since,
                    keyrota.usage_known_until(keyrota.instant(:as_of)) as until offset 0) known
     where s.key_id = any (cast(:ids as bigint[])) and o.key_id = any (cast(:ids as bigint[]))
       and keyrota.overlap_is_over(o, keyrota.instant(:as_of), known.since, known.until)
     order by s.key_id
       for update of s skip locked
), finished as (
    update keyrota.rotation r
       set state = 'retired', changed_at = keyrota.instant(:as_of)
      from due, keyrota.rotation was
     where r.key_id = due.key_id and r.token = due.token and r.key_id = any (cast(:ids as bigint[]))
       and r.state in ('delivered', 'verified', 'retiring') and not r.held and was.key_id = r.key_id and was.token = r.token
    returning r.key_id, keyrota.rotation_record(was) as before, keyrota.rotation_record(r) as after
), done as (
    update keyrota.api_key_state s
       set status = 'expired', expires_at = least(s.expires_at, keyrota.instant(:as_of)), retire_at = null
      from due
      join finished on finished.key_id = due.key_id
     where s.key_id = due.key_id and s.key_id = any (cast(:ids as bigint[])) and s.status <> 'expired'
    returning s.key_id,
              jsonb_build_object('status', due.status, 'expires_at_us', keyrota.micros(due.expires_at),
                                 'retire_at_us', keyrota.micros(due.retire_at), 'rotation', finished.before)::text as before,
              jsonb_build_object('status', s.status, 'expires_at_us', keyrota.micros(s.expires_at),
                                 'retire_at_us', null, 'rotation', finished.after)::text as after
)
select array_agg(key_id)::text as ids, array_agg(before)::text as befores, array_agg(after)::text as afters,
       count(*) as total
  from done
