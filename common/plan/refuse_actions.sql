-- A guard said no: the findings stay, to be recorded like those that ask for nothing.
update keyrota.plan_item set action = null where run_id = :run_id and check_id = :check_id and action is not null
