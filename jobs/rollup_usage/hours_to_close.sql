-- Hours with samples that are over, long enough, and complete.
select count(*) as total
  from keyrota.usage_open_hour o, keyrota.usage_watermark w
 where o.hour + interval '1 hour' + :close_after * interval '1 microsecond' <= w.complete_until
