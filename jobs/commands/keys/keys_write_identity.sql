-- What changes of the keys themselves: `after` has the columns that do.
update keyrota.api_key k
   set name = case when c.after ? 'name' then c.after ->> 'name' else k.name end,
       owner_id = case when c.after ? 'owner_id' then (c.after ->> 'owner_id')::bigint else k.owner_id end,
       scopes = case when c.after ? 'scopes' then array(select jsonb_array_elements_text(c.after -> 'scopes'))
                     else k.scopes end,
       service_plan_id = case when c.after ? 'service_plan'
                              then (select p.service_plan_id from keyrota.service_plan p
                                     where p.name = c.after ->> 'service_plan')
                              else k.service_plan_id end,
       rate_limit_per_minute = case when c.after ? 'rate_limit_per_minute'
                                    then (c.after ->> 'rate_limit_per_minute')::integer else k.rate_limit_per_minute end
  from jsonb_to_recordset(cast(:changes as jsonb)) as c (key_id bigint, after jsonb)
 where k.key_id = c.key_id and k.key_id = any (cast(:ids as bigint[]))
   and c.after ?| array['name', 'owner_id', 'scopes', 'service_plan', 'rate_limit_per_minute']
