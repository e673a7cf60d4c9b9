insert into keyrota.job_resume (job, resumed_at, resumed_by)
values (:job, clock_timestamp(), :by)
    on conflict (job) do update set resumed_at = excluded.resumed_at, resumed_by = excluded.resumed_by
