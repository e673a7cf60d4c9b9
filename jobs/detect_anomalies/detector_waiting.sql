-- About how many keys have hours that the detector has not seen.
select count(distinct h.key_id) as total
  from keyrota.usage_hour h
 where h.hour >= coalesce((select judged_until from keyrota.detector_position), '-infinity')
   and h.hour < (select closed_until from keyrota.usage_watermark) and h.hour < keyrota.instant(:as_of)
