-- Sets what is wished (a JSON object by the names of the columns). @returns what it was and is, and the names of what
-- changed, personal data by its name alone.
with was as (
    select o.*, to_jsonb(o) as whole, keyrota.owner_record(o) as record
      from keyrota.owner o where o.owner_id = :owner_id for update
), asked as (
    select cast(:wishes as jsonb) as wishes
), done as (
    update keyrota.owner o
       set name = coalesce(asked.wishes ->> 'name', was.name),
           email = coalesce(asked.wishes ->> 'email', was.email),
           time_zone = coalesce(asked.wishes ->> 'time_zone', was.time_zone),
           active = coalesce((asked.wishes ->> 'active')::boolean, was.active),
           team_id = case when asked.wishes ? 'team_id' then (asked.wishes ->> 'team_id')::bigint else was.team_id end,
           fallback_owner_id = case when asked.wishes ? 'fallback_owner_id'
                                    then (asked.wishes ->> 'fallback_owner_id')::bigint else was.fallback_owner_id end
      from was, asked
     where o.owner_id = was.owner_id
       and was.whole <> was.whole || asked.wishes
    returning o.owner_id, to_jsonb(o) as whole, keyrota.owner_record(o) as record
)
select was.record::text as before, done.record::text as after,
       (select string_agg(w.key, ', ' order by w.key)
          from jsonb_each(was.whole) w
         where w.value <> done.whole -> w.key) as changed
  from was
  join done on done.owner_id = was.owner_id
