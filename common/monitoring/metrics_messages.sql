-- Messages of the outbox by state, those that are done only of the last two weeks (message_created_at_idx).
select s.state,
       (select count(*) from keyrota.message m
         where m.state = s.state and (s.state in ('pending', 'sending') or m.created_at > clock_timestamp() - interval '14 days'))
           as total,
       (select keyrota.micros(clock_timestamp()) - keyrota.micros(min(m.created_at)) from keyrota.message m
         where m.state in ('pending', 'sending')) as oldest_age_us
  from unnest('{pending,sending,sent,dead,cancelled}'::text[]) as s (state)
