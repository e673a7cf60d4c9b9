insert into keyrota.message (kind, channel, recipient, recipient_name, subject, text_body, html_body, severity, root_id,
                             created_at, next_try_at, expires_at, run_id)
values (:kind, :channel, :recipient, nullif(cast(:recipient_name as text), ''), :subject, :text_body,
        nullif(cast(:html_body as text), ''), :severity, cast(:root_id as bigint), keyrota.instant(:as_of),
        keyrota.instant(:as_of), keyrota.instant(:as_of) + interval '3 days', :run_id)
returning message_id
