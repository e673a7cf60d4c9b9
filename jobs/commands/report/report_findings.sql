-- Unresolved findings by severity, status and age: 0 younger than a day, 1 than 7 days, 2 than 30, 3 than 90, 4 older.
select f.severity::bigint as severity, f.status,
       4 - width_bucket(f.opened_at, array(select keyrota.instant(:as_of) - n * interval '1 day' + interval '1 microsecond'
                                             from unnest('{90,30,7,1}'::int[]) n)) as age,
       count(*) as findings
  from keyrota.finding f
  left join keyrota.api_key k on k.key_id = f.key_id
 where f.status <> 'resolved'
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
 group by 1, 2, 3
 order by 1 desc, 2, 3
