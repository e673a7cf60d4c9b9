-- The next messages to be sent, the gravest first, for the deliverer :token alone. What others have claimed is passed over.
-- Walks message_unsent_idx.
with due as materialized (
    select m.message_id
      from keyrota.message m
     where m.state = 'pending' and m.next_try_at <= keyrota.instant(:at)
       and (cast(:only as bigint) = 0 or m.message_id = :only)
     order by m.severity desc, m.next_try_at, m.message_id
     limit :count
       for update skip locked),
claimed as (
    update keyrota.message m
       set state = 'sending', claimed_by = :token, claim_expires_at = clock_timestamp() + interval '10 minutes'
      from due
     where m.message_id = due.message_id
    returning m.*)
select c.message_id, c.run_id, c.kind, c.channel, c.recipient, c.recipient_name, c.subject, c.text_body, c.html_body,
       c.root_id, c.severity::bigint as severity, c.tries::bigint as tries, keyrota.micros(c.created_at) as created_at,
       keyrota.micros(c.expires_at) as expires_at, s.reason as suppressed
  from claimed c
  left join keyrota.suppression s on c.channel = 'email' and s.address = lower(c.recipient) and s.suppressed_at is not null
 order by c.severity desc, c.message_id
