-- What comes up for the keys of some owners (:owners) within 30 days, at most :shown of each, the next first.
select r.*
  from (select d.*, row_number() over (partition by d.owner_id order by d.at, d.key_id) as place,
               count(*) over (partition by d.owner_id) as due_total
          from (select k.owner_id, k.key_id, k.name, 'expires' as what, keyrota.micros(s.expires_at) as at
                  from keyrota.api_key k
                  join keyrota.api_key_state s on s.key_id = k.key_id
                 where k.owner_id = any (cast(:owners as bigint[])) and s.status = 'active'
                   and s.expires_at > keyrota.instant(:as_of)
                   and s.expires_at <= keyrota.instant(:as_of) + interval '30 days'
                union all
                select k.owner_id, k.key_id, k.name,
                       case f.check_id when 'KEY-RETIRES-SOON' then 'is retired' else 'is due for rotation' end,
                       keyrota.micros(f.due_at)
                  from keyrota.api_key k
                  join keyrota.finding f on f.key_id = k.key_id
                 where k.owner_id = any (cast(:owners as bigint[])) and f.status in ('open', 'acknowledged')
                   and f.check_id in ('KEY-ROTATION-SOON', 'KEY-RETIRES-SOON') and f.due_at > keyrota.instant(:as_of)
                   and f.due_at <= keyrota.instant(:as_of) + interval '30 days') d) r
 where r.place <= cast(:shown as bigint)
 order by r.owner_id, r.place
