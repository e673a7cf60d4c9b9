-- One audit entry for each key that the action changed, with what it was, what it is and why.
-- The batch's range keeps plan_item to a few pages: joined to the function's rows alone, each batch would read all of it.
insert into keyrota.audit_entry (key_id, block_id, payload)
select p.key_id, cast(:block_id as bigint),
       jsonb_build_object(
           'action', p.action, 'key_id', p.key_id, 'run_id', p.run_id, 'at_us', keyrota.micros(now()),
           'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
           'before', changed.before::jsonb, 'after', changed.after::jsonb,
           'why', jsonb_build_object('check', p.check_id, 'as_of_us', cast(:as_of as bigint), 'evidence', p.evidence))::text
  from unnest(cast(:ids as bigint[]), cast(:befores as text[]), cast(:afters as text[])) as changed (key_id, before, after)
  join keyrota.plan_item p on p.key_id = changed.key_id
 where p.run_id = :run_id and p.check_id = :check_id and p.action is not null
   and p.key_id between :first and :last
