-- What is not sent, the next first; with :state what is in that state, the newest first. Walks message_unsent_idx or
-- message_created_at_idx.
select m.message_id, m.state, m.kind, m.channel, m.recipient, m.subject, m.severity::bigint as severity,
       m.tries::bigint as tries, keyrota.micros(m.created_at) as created_at, m.last_answer,
       case when m.state in ('pending', 'sending') then keyrota.micros(m.next_try_at) end as next_try_at,
       keyrota.micros(m.sent_at) as sent_at
  from keyrota.message m
 where case when cast(:state as text) = 'unsent' then m.state in ('pending', 'sending', 'dead')
            else :state = 'all' or m.state = :state end
 order by case when :state = 'unsent' then m.state = 'dead' end, case when :state = 'unsent' then m.next_try_at end,
          m.message_id desc
 limit :limit
