-- Calls of a few keys, day by day (UTC), this day and the 34 before it.
select h.key_id, keyrota.micros(date_trunc('day', h.hour)) as day, sum(h.requests)::bigint as requests
  from keyrota.usage_hour h
 where h.key_id = any (cast(:keys as bigint[]))
   and h.hour >= date_trunc('day', keyrota.instant(:as_of)) - interval '34 days' and h.hour <= keyrota.instant(:as_of)
 group by 1, 2
 order by 1, 2
