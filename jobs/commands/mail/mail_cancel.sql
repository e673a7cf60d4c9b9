update keyrota.message m
   set state = 'cancelled'
 where m.message_id = :message_id and m.state in ('pending', 'dead')
returning m.kind, m.subject
