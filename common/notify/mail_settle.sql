-- What became of one message that was not sent, with the words of whoever said it. A claim that was lost in the meantime
-- settles nothing.
with settled as (
    update keyrota.message
       set state = :state, tries = tries + 1, next_try_at = keyrota.instant(:next_try_at), claimed_by = null,
           claim_expires_at = null, last_answer = :answer
     where message_id = :message_id and claimed_by = :token
    returning message_id, tries, recipient),
logged as (
    insert into keyrota.delivery (message_id, attempt, at, recipient, outcome, code, answer)
    select s.message_id, s.tries, keyrota.instant(:at), s.recipient, cast(:outcome as text), cast(:code as text),
           cast(:answer as text)
      from settled s)
select count(*) as total from settled
