insert into keyrota.owner (name, email, team_id, time_zone, fallback_owner_id)
values (:name, :email, cast(:team_id as bigint), :time_zone, cast(:fallback_owner_id as bigint))
returning owner_id, keyrota.owner_record(owner)::text as record
