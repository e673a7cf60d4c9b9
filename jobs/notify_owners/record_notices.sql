-- What was decided becomes notices. One that is there already is as good; one that was superseded holds again, and
-- one that failed is tried again.
insert into keyrota.notice (key_id, finding_uid, episode, anchor_at, stage, recipient, state, severity, is_copy, at_once,
                            recipient_name, time_zone, reason, next_at, not_before_at, created_at, run_id)
select d.key_id, d.finding_uid, d.episode, d.anchor_at, d.stage, d.recipient,
       case when cast(:observes as int) = 1 and d.key_id <> 0 then 'observed' else 'waiting' end, d.severity, d.is_copy,
       d.at_once, d.recipient_name, d.time_zone, d.reason, d.next_at, d.not_before_at, keyrota.instant(:as_of), :run_id
  from pg_temp.decided_notice d
on conflict (key_id, finding_uid, episode, anchor_at, stage, recipient) do update
   set state = excluded.state, severity = excluded.severity, is_copy = excluded.is_copy, at_once = excluded.at_once,
       recipient_name = excluded.recipient_name, time_zone = excluded.time_zone, reason = excluded.reason,
       next_at = excluded.next_at, not_before_at = excluded.not_before_at, created_at = excluded.created_at,
       run_id = excluded.run_id, message_id = null
 where notice.state in ('superseded', 'failed')
