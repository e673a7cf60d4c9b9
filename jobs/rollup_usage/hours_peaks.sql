-- The busiest minute of each key in each of these hours, the first of several alike: from the samples, once. All of them
-- are counted (the hours are complete); what comes later does not change it.
with minutes as (
    select key_id, date_bin('1 minute', at, 'epoch') as minute, sum(requests) as requests
      from keyrota.usage_sample
     where received_at >= keyrota.instant(:received_from)
       and xid < (select xid from keyrota.usage_watermark)
       and at >= keyrota.instant(:first_hour) and at < keyrota.instant(:until)
     group by 1, 2
), peaks as (
    select distinct on (key_id, date_bin('1 hour', minute, 'epoch')) key_id, date_bin('1 hour', minute, 'epoch') as hour, minute, requests
      from minutes
     order by key_id, date_bin('1 hour', minute, 'epoch'), requests desc, minute
)
update keyrota.usage_hour h
   set peak_minute = p.requests, peak_minute_at = p.minute
  from peaks p
 where h.key_id = p.key_id and h.hour = p.hour
   and h.hour >= keyrota.instant(:first_hour) and h.hour < keyrota.instant(:until)
