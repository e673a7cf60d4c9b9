-- The checks that waivers in force name.
select distinct named.check_id
  from keyrota.waiver w
 cross join unnest(w.checks) as named (check_id)
 where w.ended_at is null and w.expires_at > keyrota.instant(:as_of)
