-- One audit entry for each key that the action changed, with what it was, what it is and why.
-- The batch's range keeps plan_item to a few pages: joined to the function's rows alone, each batch would read all of it.
-- What is the same for all of them is made once, and the parts are JSON already: putting each entry together from jsonb
-- took half of the time of a whole run.
insert into keyrota.audit_entry (key_id, block_id, payload)
select p.key_id, cast(:block_id as bigint),
       about.run || ', "key_id": ' || p.key_id || ', "before": ' || changed.before || ', "after": ' || changed.after
       || ', "why": ' || about.reason || ', "evidence": ' || p.evidence || '}}'
  from (select left(jsonb_build_object(
                        'action', cast(:action as text), 'run_id', cast(:run_id as bigint), 'at_us', keyrota.micros(now()),
                        'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user))::text, -1) as run,
               left(jsonb_build_object('check', cast(:check_id as text), 'as_of_us', cast(:as_of as bigint))::text, -1) as reason
        offset 0) about,
       unnest(cast(:ids as bigint[]), cast(:befores as text[]), cast(:afters as text[])) as changed (key_id, before, after)
  join keyrota.plan_item p on p.key_id = changed.key_id
 where p.run_id = :run_id and p.check_id = :check_id and p.action is not null
   and p.key_id between :first and :last
