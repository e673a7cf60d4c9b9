-- From where an incremental check goes on (the as_of of the newest complete run that evaluated it), and whether its daily
-- standing pass is still fresh. Both walk job_run_job_as_of_idx from its end.
select (select keyrota.micros(r.as_of)
          from keyrota.job_run r
         where r.job = :job and r.shard = :shard and r.complete
           and exists (select from keyrota.run_check c
                        where c.run_id = r.run_id and c.check_id = :check_id and c.pass <> 'unknown')
         order by r.as_of desc limit 1) as since,
       (select count(*)
          from keyrota.job_run r
         where r.job = :job and r.shard = :shard and r.complete
           and r.as_of > keyrota.instant(:as_of) - interval '1 day'
           and exists (select from keyrota.run_check c
                        where c.run_id = r.run_id and c.check_id = :check_id and c.pass = 'standing')) as standing
