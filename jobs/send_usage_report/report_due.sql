-- What comes up for the keys of some owners (:owners) within 30 days, at most :shown of each, the next first.
select r.*
  from (select d.*, row_number() over (partition by d.owner_id order by d.at, d.key_id) as place,
               count(*) over (partition by d.owner_id) as due_total
          from (select k.owner_id, k.key_id, k.name, to_come.what, keyrota.micros(to_come.at) as at
                  from keyrota.api_key k
                  join keyrota.api_key_state s on s.key_id = k.key_id
                  left join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
                 cross join lateral (values
                        ('is retired', s.retire_at),
                        ('expires', case when s.retire_at is null then s.expires_at end),
                        ('is due for rotation', case when k.environment = 'production' and s.retire_at is null
                                                     then k.created_at + p.rotation_max_age end)) to_come (what, at)
                 where k.owner_id = any (cast(:owners as bigint[])) and s.status = 'active'
                   and to_come.at > keyrota.instant(:as_of) and to_come.at <= keyrota.instant(:as_of) + interval '30 days'
                   and not exists (select from keyrota.finding f
                                    where f.key_id = k.key_id and f.check_id = 'KEY-ROTATION-SOON' and f.status = 'waived'
                                      and to_come.what = 'is due for rotation')) d) r
 where r.place <= cast(:shown as bigint)
 order by r.owner_id, r.place
