insert into keyrota.run_check (run_id, check_id, pass, since_at, found_total, planned_total, error)
values (:run_id, :check_id, :pass, keyrota.instant(:since), :found, :planned, :error)
