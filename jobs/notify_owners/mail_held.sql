-- MAIL-HELD, standing: mail that does not go out. `observe`: owners are told nothing before `keyrota mail release`. `cap`: the
-- day's messages are used up (mail.max_messages_per_day); the rest goes out as the hours pass.
select 0::bigint as key_id, 'observe' as detail, 3 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('notices', count(*), 'recipients', count(distinct n.recipient)) as evidence
  from keyrota.notice n
 where n.state = 'observed' and cast(:observes as int) = 1
   and not exists (select from keyrota.mail_release)
having count(*) > 0
union all
select 0, 'cap', 3, null, null, jsonb_build_object('recipients', count(distinct n.recipient))
  from keyrota.notice n
 where n.state = 'waiting' and n.not_before_at <= keyrota.instant(:as_of) and n.key_id <> 0
   and (select count(*) from keyrota.message m
         where m.kind = 'notice' and m.created_at > keyrota.instant(:as_of) - interval '1 day') >= cast(:max_messages as bigint)
having count(*) > 0
