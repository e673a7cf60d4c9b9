-- Claims that are over: our own, of runs before ours (this one holds the job's lease), and of deliverers by hand whose time is
-- over. What was sent of them, as the log knows, is sent, and its address is free of failures that were only counted; all else
-- waits again.
with over as (
    select m.message_id, d.at, d.answer
      from keyrota.message m
      left join keyrota.delivery d on d.message_id = m.message_id and d.attempt = m.tries + 1 and d.outcome = 'sent'
     where m.state = 'sending'
       and (m.claim_expires_at <= clock_timestamp() or :holds_lease = 1 and m.claimed_by like 'run %' or m.claimed_by = :token)),
settled as (
    update keyrota.message m
       set state = case when over.at is null then 'pending' else 'sent' end, sent_at = over.at, claimed_by = null,
           claim_expires_at = null, tries = m.tries + (over.at is not null)::int,
           last_answer = case when over.at is null then m.last_answer else over.answer end
      from over
     where m.message_id = over.message_id and m.state = 'sending'
    returning m.state, m.channel, m.recipient)
delete from keyrota.suppression p using settled s
 where s.state = 'sent' and s.channel = 'email' and p.address = lower(s.recipient) and p.suppressed_at is null
