select count(*) as total from keyrota.message where state in ('pending', 'sending') and next_try_at <= keyrota.instant(:as_of)
