-- What the check already did in the 24 h before as_of: the blast radius counts it.
select coalesce(sum(c.applied_total), 0)::bigint as total
  from keyrota.job_run r
  join keyrota.run_check c on c.run_id = r.run_id
 where r.job = :job and r.as_of > keyrota.instant(:as_of) - interval '1 day' and c.check_id = :check_id
