-- Keys with hourly figures from before the retention. Walks the keys of all partitions; nothing else knows them by age.
select key_id as id from keyrota.usage_hour where hour < keyrota.instant(:before)
