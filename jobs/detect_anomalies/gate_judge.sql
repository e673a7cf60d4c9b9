update keyrota.anomaly_gate
   set judged_at = keyrota.instant(:as_of), is_held = cast(:is_held as int) = 1, usual = cast(:usual as float8), keys = :keys
 where check_id = :check_id and hour = keyrota.instant(:hour)
