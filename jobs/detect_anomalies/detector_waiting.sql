-- About how many keys have hours that the detector has not seen.
select count(distinct h.key_id) as total
  from keyrota.usage_hour h
 where h.hour >= coalesce((select judged_until from keyrota.detector_position), '-infinity')
   and h.hour < least((select closed_until from keyrota.usage_watermark), keyrota.instant(:as_of))
