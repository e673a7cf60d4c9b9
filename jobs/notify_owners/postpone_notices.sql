-- Somebody who had many messages today has the rest of them in the next digest.
update keyrota.notice set not_before_at = keyrota.instant(:not_before_at), at_once = false
 where recipient = :recipient and state = 'waiting' and not_before_at <= keyrota.instant(:as_of)
