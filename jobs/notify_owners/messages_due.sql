-- How many would be written to: those of due_recipients.sql.
select count(*) as total
  from (select recipient
          from keyrota.notice
         where state = 'waiting' and not_before_at <= keyrota.instant(:as_of)
               or state = 'observed'
                  and (cast(:observes as int) = 0 or exists (select from keyrota.mail_release))
         group by recipient
        having bool_or(stage <> 'resolved')) due
