-- A run that was due stays due: it only grows older.
with checks as (
    delete from keyrota.run_check where run_id = any (cast(:ids as bigint[]))
), runs as (
    delete from keyrota.job_run where run_id = any (cast(:ids as bigint[])) returning run_id
)
select count(*) as total from runs
