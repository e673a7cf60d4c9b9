-- What stays of a breach, whatever becomes of the key: the row by which it is never brought back to life. One audit entry
-- for each newly marked key that was not ended just now (that has one). Without a sink there is no successor to make.
with marked as (
    insert into keyrota.rotation (key_id, token, reason, state, failure, overlap, requested_at, changed_at)
    select k.key_id, gen_random_uuid(), 'breach', 'failed', 'no successor: no sink is configured', interval '0',
           keyrota.instant(:as_of), keyrota.instant(:as_of)
      from keyrota.api_key k
     where k.key_id = any (cast(:ids as bigint[])) and k.source = 'native'
       and not exists (select from keyrota.rotation r where r.key_id = k.key_id and r.reason = 'breach')
    returning key_id
)
insert into keyrota.audit_entry (key_id, block_id, payload)
select m.key_id, cast(:block_id as bigint),
       jsonb_build_object(
           'action', 'rotation.breach', 'key_id', m.key_id, 'run_id', null, 'at_us', keyrota.micros(now()),
           'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
           'before', null, 'after', null, 'why', cast(:why as jsonb))::text
  from marked m
 where m.key_id <> all (cast(:ended as bigint[]))
 order by m.key_id
