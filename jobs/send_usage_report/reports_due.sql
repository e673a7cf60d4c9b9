-- About how many owners get a report of the week that began at :week.
select count(*) as total
  from keyrota.owner o
 where o.active and o.email is not null
   and exists (select from keyrota.api_key k where k.owner_id = o.owner_id)
   and not exists (select from keyrota.message m
                    where m.recipient = lower(o.email) and m.report_week = keyrota.instant(:week))
