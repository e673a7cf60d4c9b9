update keyrota.notice set state = 'told', message_id = :message_id
 where recipient = :recipient
   and (state = 'waiting' and not_before_at <= keyrota.instant(:as_of)
        or state = 'observed' and cast(:observes as int) = 0)
