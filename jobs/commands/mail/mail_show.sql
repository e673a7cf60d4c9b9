select m.message_id, m.state, m.kind, m.channel, m.recipient, m.recipient_name, m.subject, m.severity::bigint as severity,
       m.tries::bigint as tries, m.root_id, m.run_id, keyrota.micros(m.created_at) as created_at,
       case when m.state in ('pending', 'sending') then keyrota.micros(m.next_try_at) end as next_try_at,
       keyrota.micros(m.expires_at) as expires_at, keyrota.micros(m.sent_at) as sent_at, m.claimed_by, m.last_answer,
       m.text_body, i.installation_uuid::text as installation,
       (select coalesce(jsonb_agg(jsonb_build_object('attempt', d.attempt, 'at', d.at, 'outcome', d.outcome, 'code', d.code,
                                                     'answer', d.answer) order by d.attempt), '[]')::text
          from keyrota.delivery d where d.message_id = m.message_id) as deliveries
  from keyrota.message m cross join keyrota.installation i
 where m.message_id = :message_id
