-- Whoever holds the lease knows that an earlier run of the job which is still `running` was killed.
update keyrota.job_run
   set status = 'interrupted', finished_at = clock_timestamp(), message = 'ended without a word: killed, or its connection broke'
 where job = :job and shard = '1/1' and status = 'running'
