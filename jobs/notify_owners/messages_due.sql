select count(distinct recipient) as total
  from keyrota.notice
 where state = 'waiting' and not_before_at <= keyrota.instant(:as_of)
