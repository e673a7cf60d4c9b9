-- How many secrets wait for their delivery.
select count(*) as total
  from keyrota.rotation r
 where r.state in ('requested', 'created') and not r.held and coalesce(r.retry_at <= keyrota.instant(:as_of), true)
