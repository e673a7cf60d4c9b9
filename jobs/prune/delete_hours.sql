with gone as (
    delete from keyrota.usage_hour where key_id = any (cast(:ids as bigint[])) and hour < keyrota.instant(:before) returning 1
)
select count(*) as total from gone
