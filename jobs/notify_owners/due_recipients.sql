-- Whom to write to now, those with the gravest news first. What ended is told along with something else, never alone.
select n.recipient, max(n.severity)::bigint as severity, max(n.recipient_name) as recipient_name,
       max(n.time_zone) as time_zone, bool_and(n.key_id = 0)::int as is_operator, bool_and(n.at_once)::int as at_once,
       (select count(*) from keyrota.message m
         where m.recipient = n.recipient and m.kind in ('notice', 'operator')
           and m.created_at > keyrota.instant(:as_of) - interval '1 day') as messages_today
  from keyrota.notice n
 where n.state = 'waiting' and n.not_before_at <= keyrota.instant(:as_of)
       or n.state = 'observed' and cast(:observes as int) = 0
 group by n.recipient
having bool_or(n.stage <> 'resolved')
 order by bool_and(n.key_id = 0) desc, max(n.severity) >= cast(:urgent as int) desc, n.recipient
 limit :count
