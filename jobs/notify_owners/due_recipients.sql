-- Whom to write to now, those with the gravest news first: who has notices that are due, and whose unsent mail says what is
-- not so any more (the finding ended, or its date was moved). What ended is told along with something else, never alone.
select n.recipient, max(n.recipient_name) as recipient_name, max(n.time_zone) as time_zone,
       bool_and(n.key_id = 0)::int as is_operator, bool_and(n.at_once)::int as at_once,
       (select count(*) from keyrota.message m
         where m.recipient = n.recipient and m.kind in ('notice', 'operator')
           and m.created_at > keyrota.instant(:as_of) - interval '1 day') as messages_today
  from (select w.*
          from keyrota.notice w
         where w.state = 'waiting' and w.not_before_at <= keyrota.instant(:as_of)
               or w.state = 'observed' and cast(:observes as int) = 0
         union all
        select w.*
          from keyrota.message m
          join keyrota.notice w on w.message_id = m.message_id
          left join keyrota.finding f on f.key_id = w.key_id and f.uid = w.finding_uid and f.episode = w.episode
                                     and coalesce(f.due_at, timestamptz '1970-01-01 00:00Z') = w.anchor_at
         where m.state = 'pending' and m.channel = 'email' and w.state = 'told' and w.stage <> 'resolved'
           and (f.status is null or f.status = 'resolved' and f.resolution is distinct from 'acted')) n
 group by n.recipient
having bool_or(n.stage <> 'resolved')
 order by bool_and(n.key_id = 0) desc, max(n.severity) >= cast(:urgent as int) desc, n.recipient
 limit :count
