-- What was unusual about a few keys in those days, the latest of each check and key.
select f.key_id, f.check_id, (f.evidence ->> 'hour_us')::bigint as hour, f.evidence ->> 'says' as says
  from keyrota.finding f
 where f.key_id = any (cast(:keys as bigint[])) and f.check_id like 'KEY-ANOMALY-%'
   and f.evidence ->> 'hour_us' ~ '^[0-9]{1,17}$'
   and (f.evidence ->> 'hour_us')::bigint
       >= keyrota.micros(date_trunc('day', keyrota.instant(:as_of)) - interval '34 days')
 order by f.key_id, hour, f.check_id
 limit 500
