-- The outbox at a glance: what waits (message_unsent_idx), how long the oldest of it has, and what two weeks left dead.
select (select count(*) from keyrota.message m where m.state in ('pending', 'sending')) as waiting,
       (select keyrota.micros(min(m.created_at)) from keyrota.message m where m.state in ('pending', 'sending')) as oldest_at,
       (select count(*) from keyrota.message m
         where m.state = 'dead' and m.created_at > keyrota.instant(:as_of) - interval '14 days') as dead
