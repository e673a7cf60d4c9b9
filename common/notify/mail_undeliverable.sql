-- A message that nobody will get: what stood in it must be told to the next in line.
update keyrota.notice set state = 'failed' where message_id = :message_id and state = 'told'
