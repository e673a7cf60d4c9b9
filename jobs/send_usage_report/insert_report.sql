-- The report of a week, once for each owner whoever else is at it.
insert into keyrota.message (kind, recipient, recipient_name, subject, text_body, html_body, severity, report_week, created_at,
                             next_try_at, expires_at, run_id)
values ('report', :recipient, :recipient_name, :subject, :text_body, :html_body, 1, keyrota.instant(:week),
        keyrota.instant(:as_of), keyrota.instant(:as_of), keyrota.instant(:as_of) + interval '3 days', :run_id)
on conflict (recipient, report_week) where report_week is not null do nothing
