-- The keys of some owners (:owners) in the week that began at :week, at most :shown of each, the busiest first, with the
-- totals of all of theirs. A key that is over is there where it was called.
select r.*
  from (select u.*, row_number() over (partition by u.owner_id order by u.requests desc, u.key_id) as place,
               count(*) over (partition by u.owner_id) as keys_total,
               (sum(u.requests) over (partition by u.owner_id))::bigint as requests_total
          from (select k.owner_id, k.key_id, k.name, k.prefix, k.hint, s.status,
                       coalesce(k.rate_limit_per_minute, p.requests_per_minute)::bigint as limit_per_minute,
                       keyrota.micros(case when a.last_used_at < keyrota.instant(:as_of) then a.last_used_at
                                           when a.last_used_at is not null then keyrota.instant(:as_of) end) as last_used_at,
                       coalesce(h.requests, 0)::bigint as requests,
                       coalesce(h.before, 0)::bigint as before,
                       -- Of all keys: one whose place another took counts in the week before.
                       (sum(coalesce(h.before, 0)) over (partition by k.owner_id))::bigint as before_total, coalesce(h.errors, 0)::bigint as errors,
                       coalesce(h.rate_limited, 0)::bigint as rate_limited, coalesce(h.peak_minute, 0) as peak_minute, h.by_day
                  from keyrota.api_key k
                  join keyrota.api_key_state s on s.key_id = k.key_id
                  left join keyrota.service_plan p on p.service_plan_id = k.service_plan_id
                  left join keyrota.api_key_activity a on a.key_id = k.key_id
                  left join lateral (
                        select sum(d.requests) filter (where d.day >= 0) as requests,
                               sum(d.requests) filter (where d.day < 0) as before,
                               sum(d.errors) filter (where d.day >= 0) as errors,
                               sum(d.rate_limited) filter (where d.day >= 0) as rate_limited,
                               max(d.peak_minute) filter (where d.day >= 0) as peak_minute,
                               string_agg(d.day || ' ' || d.requests, ' ') filter (where d.day >= 0) as by_day
                          from (select floor(extract(epoch from x.hour - keyrota.instant(:week)) / 86400)::int as day,
                                       sum(x.requests) as requests, sum(x.client_errors + x.server_errors) as errors,
                                       sum(x.rate_limited) as rate_limited, max(x.peak_minute) as peak_minute
                                  from keyrota.usage_hour x
                                 where x.key_id = k.key_id and x.hour >= keyrota.instant(:week) - interval '7 days'
                                   and x.hour < keyrota.instant(:week) + interval '7 days'
                                 group by 1) d) h on true
                 where k.owner_id = any (cast(:owners as bigint[]))) u
         where u.status = 'active' or u.requests > 0) r
 where r.place <= cast(:shown as bigint)
 order by r.owner_id, r.place
