-- KEY-ROTATION-FAILED, standing: a rotation was given up, until somebody has it tried again or cancels it. That a breached key
-- has no successor for want of a sink, KEY-BREACHED says.
select r.key_id, '' as detail, 4 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('failure', r.failure, 'tries', r.tries, 'sink', r.sink, 'reason', r.reason) as evidence
  from keyrota.rotation r
  join keyrota.api_key k on k.key_id = r.key_id
 where r.state = 'failed' and not (r.reason = 'breach' and r.sink is null)
