-- Dead messages, and those that wait for their next try, wait no longer; what stood in a dead one counts as told again.
-- :ids null means all that are dead. How often they were tried stays: it numbers the entries of keyrota.delivery.
with again as (
    update keyrota.message m
       set state = 'pending', next_try_at = clock_timestamp(), expires_at = clock_timestamp() + interval '3 days'
     where case when cast(:ids as bigint[]) is null then m.state = 'dead'
                else m.message_id = any(cast(:ids as bigint[])) and m.state in ('dead', 'pending') end
    returning m.message_id),
told as (
    update keyrota.notice n set state = 'told' from again where n.message_id = again.message_id and n.state = 'failed')
select count(*) as total from again
