insert into keyrota.message (kind, channel, recipient, subject, text_body, html_body, severity, created_at, next_try_at,
                             expires_at, run_id)
select 'test', cast(:channel as text), cast(:recipient as text), cast(:subject as text), cast(:text_body as text),
       cast(:html_body as text), 1, c.now, c.now, c.now + interval '3 days', 0
  from (select clock_timestamp() as now) c
returning message_id, keyrota.micros(created_at) as created_at
