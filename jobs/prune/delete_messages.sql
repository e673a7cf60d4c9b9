-- Each with its tries.
with gone as (
    delete from keyrota.message
     where message_id = any (cast(:ids as bigint[])) and state in ('sent', 'dead', 'cancelled')
       and created_at <= keyrota.instant(:before)
    returning message_id
)
select count(*) as total from gone
