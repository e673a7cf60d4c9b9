-- Opens the run and fixes its as_of: the database's clock, read after the lease is held.
insert into keyrota.job_run (job, as_of, options, os_user, host, process_id, program_version)
values (:job, coalesce(keyrota.instant(:as_of), clock_timestamp()), cast(:options as jsonb), :os_user, :host, :process_id,
        :program_version)
returning run_id, keyrota.micros(as_of) as as_of
