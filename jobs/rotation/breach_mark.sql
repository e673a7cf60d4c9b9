-- What stays of a breach, whatever becomes of the key: the rotation by which it is never brought back to life. One that is
-- under way goes on, at once; one whose successor is delivered already is at its end. Else a key that was active gets one,
-- delivered by its policy's sink; where there is none, its owner has no successor. One audit entry for each.
-- A key without a policy rule as yet has the default's sink.
with sink as (
    select k.key_id, case when k.policy_rule_id is null then cast(:default_sink as text) else p.rotation_sink end as name
      from keyrota.api_key k
      left join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
     where k.key_id = any (cast(:ids as bigint[]))
), known as (
    select r.key_id, bool_or(r.reason = 'breach') as is_breach, bool_or(r.state not in ('retired', 'cancelled')) as is_under_way
      from keyrota.rotation r
     where r.key_id = any (cast(:ids as bigint[])) and r.state <> 'cancelled'
     group by r.key_id
), changed as (
    update keyrota.rotation r
       set reason = 'breach', overlap = interval '0', held = false, tries = 0, retry_at = null,
           changed_at = keyrota.instant(:as_of),
           state = case when was.state in ('delivered', 'verified', 'retiring') then 'retired'
                        when was.state = 'failed' and was.sink is not null and was.successor_id is not null then 'created'
                        when was.state = 'failed' and was.sink is not null then 'requested'
                        else was.state end
      from known
      join keyrota.rotation was on was.key_id = known.key_id and was.state not in ('retired', 'cancelled')
     where r.key_id = was.key_id and r.token = was.token and r.key_id = any (cast(:ids as bigint[])) and not known.is_breach
    returning r.key_id, keyrota.rotation_record(was) as before, keyrota.rotation_record(r) as after
), made as (
    insert into keyrota.rotation as r (key_id, token, reason, state, failure, sink, overlap, requested_at, changed_at)
    select k.key_id, gen_random_uuid(), 'breach',
           case when k.key_id <> all (cast(:active as bigint[])) then 'retired'
                when sink.name is null then 'failed' else 'requested' end,
           case when k.key_id <> all (cast(:active as bigint[])) then 'no successor: the key was not active'
                when sink.name is null then 'no successor: no sink is configured' end,
           sink.name, interval '0', keyrota.instant(:as_of), keyrota.instant(:as_of)
      from keyrota.api_key k
      left join known on known.key_id = k.key_id
      join sink on sink.key_id = k.key_id
     where k.key_id = any (cast(:ids as bigint[])) and not coalesce(known.is_breach or known.is_under_way, false)
    returning r.key_id, null::jsonb as before, keyrota.rotation_record(r) as after
)
insert into keyrota.audit_entry (key_id, block_id, payload)
select m.key_id, cast(:block_id as bigint),
       jsonb_build_object(
           'action', 'rotation.breach', 'key_id', m.key_id, 'run_id', null, 'at_us', keyrota.micros(now()),
           'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
           'before', m.before, 'after', m.after, 'why', cast(:why as jsonb))::text
  from (select * from changed union all select * from made) m
 order by m.key_id
