-- The hours that the detector has not seen: closed ones, of which usage is known at their end.
select keyrota.micros(p.judged_until) as from_at, keyrota.micros(w.until_at) as until_at
  from keyrota.detector_position p
 cross join (select least(closed_until, date_trunc('hour', keyrota.instant(:as_of))) as until_at
               from keyrota.usage_watermark where closed_until is not null) w
 where w.until_at > coalesce(p.judged_until, '-infinity')
   and keyrota.usage_known_since(w.until_at, cast(:silent_after_us as bigint) * interval '1 microsecond') is not null
