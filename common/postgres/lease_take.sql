-- The same condition again in the conflict's WHERE: of two that saw a lapsed lease, the second finds it taken. Changing
-- token, a key column, waits for a batch that holds the row for key share.
insert into keyrota.job_lease as l
       (job, shard, token, backend_pid, backend_start, holder, acquired_at, expires_at)
select cast(:job as text), cast(:shard as text), nextval('keyrota.lease_token_seq'), pg_backend_pid(),
       (select backend_start from pg_stat_activity where pid = pg_backend_pid()), cast(:holder as text),
       clock_timestamp(), clock_timestamp() + interval '30 seconds'
    on conflict (job, shard) do update
   set token = excluded.token, backend_pid = excluded.backend_pid, backend_start = excluded.backend_start,
       holder = excluded.holder, acquired_at = excluded.acquired_at, expires_at = excluded.expires_at
 where not keyrota.lease_lives(l)
returning token
