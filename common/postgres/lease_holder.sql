-- Who holds the lease now; no row when it can be taken. backend_start is hidden from other roles: then the pid decides.
select l.holder
  from keyrota.job_lease l
 where l.job = :job and l.shard = :shard
   and l.expires_at > clock_timestamp()
   and exists (select from pg_stat_activity a
                where a.pid = l.backend_pid and (a.backend_start is null or a.backend_start = l.backend_start))
