-- KEY-RETIRE-BLOCKED, standing: a predecessor's overlap is over, and something still calls with it, or
-- nothing works in its place; and so it lives on. The
-- evidence says who calls: where from and what for, as far as that is known (trim_array: a slice would be taken for a parameter).
select o.key_id, '' as detail, 4 as severity, null::text as action, o.retire_at as due_at,
       jsonb_build_object(
           'successor_id', o.successor_id, 'has_successor', keyrota.overlap_has_successor(o, keyrota.instant(:as_of)),
           'last_used_at_us', keyrota.micros(o.last_used_at),
           'successor_last_used_at_us', keyrota.micros(o.successor_last_used_at),
           'networks', to_jsonb(trim_array(calls.networks, greatest(cardinality(calls.networks) - 5, 0))),
           'scopes', to_jsonb(trim_array(calls.scopes, greatest(cardinality(calls.scopes) - 5, 0)))) as evidence
  from keyrota.overlap o
 cross join (select keyrota.usage_known_since(keyrota.instant(:as_of),
                                              cast(:silent_after_us as bigint) * interval '1 microsecond') as since,
                    keyrota.usage_known_until(keyrota.instant(:as_of)) as until offset 0) known
 cross join lateral (
        select array(select n.network::text from keyrota.usage_network n
                      where n.key_id = o.key_id and n.last_seen_at > keyrota.instant(:as_of) - o.silence_after
                      order by n.last_seen_at desc, n.network) as networks,
               array(select u.scope from keyrota.usage_scope u
                      where u.key_id = o.key_id and u.last_used_at > keyrota.instant(:as_of) - o.silence_after
                      order by u.last_used_at desc, u.scope) as scopes) calls
 where o.retire_at <= keyrota.instant(:as_of)
   and (o.last_used_at > keyrota.instant(:as_of) - o.silence_after
        or not keyrota.overlap_has_successor(o, keyrota.instant(:as_of)))
   and not keyrota.overlap_is_over(o, keyrota.instant(:as_of), known.since, known.until)
