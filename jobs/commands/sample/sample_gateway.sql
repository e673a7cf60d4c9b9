insert into keyrota.usage_gateway (name, last_seen_at)
values (:name, keyrota.instant(:as_of))
    on conflict (name) do update set last_seen_at = excluded.last_seen_at
