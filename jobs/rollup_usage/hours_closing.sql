-- Which hours can close now: all up to `until`. And from which arrival on their samples stand.
select count(o.hour) as total, keyrota.micros(max(c.until)) as until, keyrota.micros(min(o.hour)) as first_hour,
       keyrota.micros(min(o.first_received_at)) as received_from
  from (select date_trunc('hour', complete_until - :close_after * interval '1 microsecond') as until
          from keyrota.usage_watermark) c
  left join keyrota.usage_open_hour o on o.hour < c.until
