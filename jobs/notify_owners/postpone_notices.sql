-- Who had many messages today has the rest of them in the next digest.
update keyrota.notice n set not_before_at = keyrota.instant(p.not_before_us), at_once = false
  from jsonb_to_recordset(cast(:postponed as jsonb)) as p (recipient text, not_before_us bigint)
 where n.recipient = p.recipient and n.state = 'waiting' and n.not_before_at <= keyrota.instant(:as_of)
