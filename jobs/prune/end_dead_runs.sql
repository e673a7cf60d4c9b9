-- With its lapsed lease: should one of these runs live after all, it finds no lease at its next batch and stops.
with leases as (
    delete from keyrota.job_lease l
     using keyrota.job_run r
     where r.run_id = any (cast(:ids as bigint[])) and r.status = 'running'
       and l.job = r.job and l.shard = r.shard and not keyrota.lease_lives(l)
), plans as (
    delete from keyrota.plan_item where run_id = any (cast(:ids as bigint[]))
), ended as (
    update keyrota.job_run
       set status = 'interrupted', finished_at = clock_timestamp(),
           message = 'ended without a word: killed, or its connection broke'
     where run_id = any (cast(:ids as bigint[])) and status = 'running'
    returning run_id
)
select count(*) as total from ended
