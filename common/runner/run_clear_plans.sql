-- Plans of runs that are over.
delete from keyrota.plan_item p
 where exists (select from keyrota.job_run r where r.run_id = p.run_id and r.status <> 'running')
