-- Keys that the filter lets through, in one order, from behind one of them (:after, with its place in that order). A part
-- that is null or does not count drops out when the statement is planned: by key_id, both ways, the primary key gives the
-- order, and a page costs a page however many keys there are; any other order sorts what the filter lets through.
select key_id, source, external_id, name, type, environment, prefix, hint, masked, scopes, scope_words, service_plan,
       limit_per_minute, owner, owner_name, team, status, created_at, expires_at, last_used_at, age_days, place_number,
       place_text,
       case when cast(:with_findings as int) = 1
            then (select string_agg(f.check_id, ' ' order by f.severity desc, f.check_id) from keyrota.finding f
                   where f.key_id = keys.key_id and f.status <> 'resolved') end as findings
  from (select k.key_id, k.source, k.name, k.type, k.environment, k.prefix, k.hint, k.prefix || '...' || k.hint as masked,
               to_json(k.scopes)::text as scopes, array_to_string(k.scopes, ' ') as scope_words, p.name as service_plan,
               coalesce(k.rate_limit_per_minute, p.requests_per_minute)::bigint as limit_per_minute, o.email as owner,
               o.name as owner_name, t.name as team, s.status, keyrota.micros(k.created_at) as created_at,
               keyrota.micros(s.expires_at) as expires_at, keyrota.micros(a.last_used_at) as last_used_at,
               extract(day from now() - k.created_at)::bigint as age_days,
               case when k.source <> 'native'
                    then (select min(e.external_id) from keyrota.api_key_external e where e.key_id = k.key_id)
               end as external_id,
               case cast(:sort as text)
                    when 'created' then keyrota.micros(k.created_at)
                    when 'expires' then coalesce(keyrota.micros(s.expires_at), 9223372036854775807)
                    when 'last-used' then coalesce(keyrota.micros(a.last_used_at), -9223372036854775807)
                    else 0 end as place_number,
               case cast(:sort as text) when 'name' then k.name when 'owner' then coalesce(lower(o.email), '') else '' end
                   as place_text
          from keyrota.api_key k
          join keyrota.api_key_state s on s.key_id = k.key_id
          left join keyrota.api_key_activity a on a.key_id = k.key_id
          left join keyrota.service_plan p on p.service_plan_id = k.service_plan_id
          left join keyrota.owner o on o.owner_id = k.owner_id
          left join keyrota.team t on t.team_id = o.team_id
         where (cast(:key_id as bigint) is null or k.key_id = :key_id)
           and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
           and (cast(:team_id as bigint) is null or o.team_id = :team_id)
           and (cast(:service_plan_id as bigint) is null or k.service_plan_id = :service_plan_id)
           and (cast(:type as text) is null or k.type = :type)
           and (cast(:environment as text) is null or k.environment = :environment)
           and (cast(:status as text) is null or s.status = :status)
           and (cast(:scope as text) is null or cast(:scope as text) = any (k.scopes))
           and (cast(:source as text) is null or k.source = :source)
           and (cast(:name as text) is null or k.name like :name)
           and (cast(:expires_before as bigint) is null or s.expires_at < keyrota.instant(:expires_before))
           and (cast(:expires_within as bigint) is null
                or (s.expires_at > now() and s.expires_at <= now() + :expires_within * interval '1 microsecond'))
           and (cast(:unused_for as bigint) is null
                or coalesce(a.last_used_at, k.created_at) <= now() - :unused_for * interval '1 microsecond')
           and (cast(:created_before as bigint) is null or k.created_at < keyrota.instant(:created_before))
           and (cast(:after as bigint) is null or cast(:sort as text) <> 'key_id'  -- on both, or one is read from its end
                or case when cast(:descending as int) = 1 then k.key_id < :after and s.key_id < :after
                        else k.key_id > :after and s.key_id > :after end)) keys
 where (cast(:after as bigint) is null or cast(:sort as text) = 'key_id'
        or case when cast(:descending as int) = 1
                then (place_number, place_text, key_id)
                     < (cast(:after_number as bigint), cast(:after_text as text), cast(:after as bigint))
                else (place_number, place_text, key_id)
                     > (cast(:after_number as bigint), cast(:after_text as text), cast(:after as bigint)) end)
 order by case when cast(:descending as int) = 1 then place_number end desc,
          case when cast(:descending as int) = 1 then place_text end desc,
          case when cast(:descending as int) = 1 then key_id end desc,
          case when cast(:descending as int) = 0 then place_number end,
          case when cast(:descending as int) = 0 then place_text end,
          case when cast(:descending as int) = 0 then key_id end
 limit cast(:limit as bigint)
