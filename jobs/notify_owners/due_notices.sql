-- Recipients' notices that are due, of each the gravest first: at most :count of what is to be done, and as many of what has
-- ended; and how many there are to do in all. What has a date comes before what has none (1970).
select n.recipient, n.key_id, n.finding_uid, n.stage, n.severity, n.reason, f.check_id, f.detail, keyrota.micros(f.due_at) as due_at,
       f.evidence::text as evidence, keyrota.micros(f.changed_at) as seen_at, n.total, root.message_id as root_id
  from (select n.recipient, n.key_id, n.finding_uid, n.episode, n.stage, n.severity::bigint as severity, n.reason, n.anchor_at,
               count(*) filter (where n.stage <> 'resolved') over (partition by n.recipient) as total,
               row_number() over (partition by n.recipient, n.stage = 'resolved'
                                      order by n.severity desc, nullif(n.anchor_at, timestamptz 'epoch') nulls last,
                                               n.key_id, n.finding_uid) as place
          from keyrota.notice n
         where n.recipient = any (array(select jsonb_array_elements_text(cast(:recipients as jsonb))))
           and (n.state = 'waiting' and n.not_before_at <= keyrota.instant(:as_of)
                or n.state = 'observed' and cast(:observes as int) = 0)
       ) n
  join keyrota.finding f on f.key_id = n.key_id and f.uid = n.finding_uid
  left join lateral (
        select coalesce(m.root_id, m.message_id) as message_id
          from keyrota.notice before
          join keyrota.message m on m.message_id = before.message_id
         where before.key_id = n.key_id and before.finding_uid = n.finding_uid and before.episode = n.episode
           and before.recipient = n.recipient
         order by m.message_id
         limit 1) root on true
 where n.place <= cast(:count as bigint)
 order by n.recipient, n.stage = 'resolved', n.place
