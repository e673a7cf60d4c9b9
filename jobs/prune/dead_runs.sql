-- Runs that were killed, and no later run of their job came by to say so: it was taken off the schedule. A day's grace,
-- since a run whose heartbeat broke goes on until somebody takes its lease.
select r.run_id as id
  from keyrota.job_run r
 where r.status = 'running' and r.as_of <= keyrota.instant(:as_of) - interval '1 day'
   and not exists (select from keyrota.job_lease l where l.job = r.job and l.shard = r.shard and keyrota.lease_lives(l))
