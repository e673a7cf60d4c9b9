select count(*) as expected, count(*) filter (where is_silent) as silent,
       coalesce(string_agg(name, ', ' order by name) filter (where is_silent), '') as silent_names
  from (select name, last_seen_at is null or last_seen_at < clock_timestamp() - interval '1 hour' as is_silent
          from keyrota.usage_gateway
         where expected) gateways
