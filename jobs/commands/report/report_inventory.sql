-- All keys by what they are and by their age in steps of 15 days of 24 h (0: younger than one; 24: a year and older).
-- One row for each kind, a few hundred at most. A threshold is put a microsecond later so that a key that reaches an age in
-- this very instant has it.
select k.type, k.environment, s.status, (s.retire_at is not null)::int as is_retiring,
       24 - width_bucket(k.created_at, array(select keyrota.instant(:as_of) - n * interval '15 days' + interval '1 microsecond'
                                               from generate_series(24, 1, -1) n)) as age,
       count(*) as keys
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
 where true
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
 group by 1, 2, 3, 4, 5
 order by 1, 2, 3, 4, 5
