insert into keyrota.anomaly_usual as u (check_id, per_hour, until_at)
values (:check_id, cast(:per_hour as float8), keyrota.instant(:until))
    on conflict (check_id) do update set per_hour = excluded.per_hour, until_at = greatest(u.until_at, excluded.until_at)
