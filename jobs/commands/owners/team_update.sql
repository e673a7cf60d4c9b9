-- Sets what is wished (a JSON object by the names of the columns). @returns the team's name before and after, and the
-- names of what changed.
with was as (
    select t.*, to_jsonb(t) as whole from keyrota.team t where t.team_id = :team_id for update
), asked as (
    select cast(:wishes as jsonb) as wishes
), done as (
    update keyrota.team t
       set name = coalesce(asked.wishes ->> 'name', was.name),
           email = case when asked.wishes ? 'email' then asked.wishes ->> 'email' else was.email end,
           security_email = case when asked.wishes ? 'security_email' then asked.wishes ->> 'security_email'
                                 else was.security_email end,
           webhook = case when asked.wishes ? 'webhook' then asked.wishes ->> 'webhook' else was.webhook end
      from was, asked
     where t.team_id = was.team_id
       and was.whole <> was.whole || asked.wishes
    returning t.team_id, t.name, to_jsonb(t) as whole
)
select was.name as before, done.name as after,
       (select string_agg(w.key, ', ' order by w.key)
          from jsonb_each(was.whole) w
         where w.value <> done.whole -> w.key) as changed
  from was
  join done on done.team_id = was.team_id
