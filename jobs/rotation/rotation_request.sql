-- A rotation for each of these keys that has none unfinished: what sink and overlap the caller leaves open, the key's policy
-- rule says. One audit entry each. The caller holds the keys' locks and has judged them.
with made as (
    insert into keyrota.rotation as r (key_id, token, reason, state, sink, overlap, predecessor_expires_at, requested_at, changed_at)
    select k.key_id, gen_random_uuid(), :reason, 'requested', coalesce(cast(:sink as text), p.rotation_sink),
           coalesce(cast(:overlap as bigint) * interval '1 microsecond', p.rotation_overlap, interval '7 days'), s.expires_at,
           keyrota.instant(:as_of), keyrota.instant(:as_of)
      from keyrota.api_key k
      join keyrota.api_key_state s on s.key_id = k.key_id
      left join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
     where k.key_id = any (cast(:ids as bigint[])) and s.key_id = any (cast(:ids as bigint[]))
        on conflict (key_id) where state not in ('retired', 'cancelled') do nothing
    returning r.key_id, r.token, keyrota.rotation_record(r) as after
), audited as (
    insert into keyrota.audit_entry (key_id, block_id, payload)
    select m.key_id, cast(:block_id as bigint),
           jsonb_build_object(
               'action', 'rotation.request', 'key_id', m.key_id, 'run_id', cast(:run_id as bigint), 'at_us', keyrota.micros(now()),
               'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
               'before', null, 'after', m.after, 'why', jsonb_build_object('reason', cast(:reason as text)))::text
      from made m
     order by m.key_id
)
select key_id, token::text as token from made order by key_id
