-- MAIL-DEAD, standing: messages of the last two weeks that nobody will get (`keyrota mail queue --state dead`). One finding
-- for all; retried or cancelled ones are not dead any more. Walks message_created_at_idx.
select 0::bigint as key_id, '' as detail, 3 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('messages', count(*), 'newest', max(m.message_id)) as evidence
  from keyrota.message m
 where m.state = 'dead' and m.kind <> 'test'
   and m.created_at > keyrota.instant(:as_of) - interval '14 days' and m.created_at <= keyrota.instant(:as_of)
having count(*) > 0
