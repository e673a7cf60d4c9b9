update keyrota.message set next_try_at = clock_timestamp() where state = 'pending' and next_try_at > clock_timestamp()
   and tries > 0
