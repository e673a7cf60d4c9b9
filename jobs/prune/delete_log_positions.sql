-- But one that was read on since.
with gone as (
    delete from keyrota.ingest_position
     where ingest_position_id = any (cast(:ids as bigint[])) and updated_at <= keyrota.instant(:before)
    returning 1
)
select count(*) as total from gone
