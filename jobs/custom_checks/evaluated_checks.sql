-- The custom checks that complete runs ever evaluated: when last, and whether findings of theirs are unresolved.
select e.check_id, keyrota.micros(e.last_at) as last_at,
       exists (select from keyrota.finding f where f.check_id = e.check_id and f.status <> 'resolved')::int as has_findings
  from (select c.check_id, max(r.as_of) as last_at
          from keyrota.job_run r
          join keyrota.run_check c on c.run_id = r.run_id
         where r.job = 'custom-checks' and r.complete and r.as_of <= keyrota.instant(:as_of)
         group by c.check_id) e
