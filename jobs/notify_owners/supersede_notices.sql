-- What of these recipients' notices is no longer so, or is told by a later one, is not told any more; nor is the end of something of
-- which nobody heard, nor anything to an owner who has left meanwhile: the next run tells it to who is next in line.
update keyrota.notice n
   set state = 'superseded'
 where n.recipient = any (array(select jsonb_array_elements_text(cast(:recipients as jsonb)))) and n.state in ('observed', 'waiting')
   and (not exists (
            select from keyrota.finding f
             where f.key_id = n.key_id and f.uid = n.finding_uid and f.episode = n.episode
               and coalesce(f.due_at, timestamptz '1970-01-01 00:00Z') = n.anchor_at
               and case when n.stage = 'resolved'
                        then f.status = 'resolved'
                             and exists (select from keyrota.notice t
                                          where t.key_id = n.key_id and t.finding_uid = n.finding_uid
                                            and t.episode = n.episode and t.state = 'told')
                        else f.status = 'open' or f.status = 'acknowledged' and f.due_at is not null
                                and f.check_id <> all (cast(:announcing as text[]))
                             or f.resolution = 'acted' end)
        or exists (
            select from keyrota.notice l
             where l.key_id = n.key_id and l.finding_uid = n.finding_uid and l.episode = n.episode
               and l.anchor_at = n.anchor_at and l.recipient = n.recipient
               and l.state in ('observed', 'waiting', 'told') and l.created_at > n.created_at)
        or n.key_id <> 0 and n.recipient <> lower(:operator)
           and exists (select from keyrota.owner o where lower(o.email) = n.recipient and not o.active)
           and not exists (select from keyrota.owner o where lower(o.email) = n.recipient and o.active)
           and not exists (select from keyrota.team t where n.recipient in (lower(t.email), lower(t.security_email))))
