-- Messages before the retention of which nothing is to come.
select message_id as id from keyrota.message
 where state in ('sent', 'dead', 'cancelled') and created_at <= keyrota.instant(:before)
