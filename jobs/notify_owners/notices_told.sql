-- All that was due to these recipients stands in the messages that were written to them.
update keyrota.notice n set state = 'told', message_id = w.message_id
  from jsonb_to_recordset(cast(:written as jsonb)) as w (recipient text, message_id bigint)
 where n.recipient = w.recipient
   and (n.state = 'waiting' and n.not_before_at <= keyrota.instant(:as_of)
        or n.state = 'observed' and cast(:observes as int) = 0)
