-- Owners after :after_owner, in that order, who get the report of the week that began at :week and have none yet: they are
-- here, have an address that takes mail and an active key, and did not switch it off. At most :count.
select o.owner_id, o.name, lower(o.email) as email, o.time_zone
  from keyrota.owner o
 where o.owner_id > :after_owner and o.active and o.email is not null
   and exists (select from keyrota.api_key k join keyrota.api_key_state s on s.key_id = k.key_id
                where k.owner_id = o.owner_id and s.status = 'active')
   and not exists (select from keyrota.suppression x where x.address = lower(o.email) and x.suppressed_at is not null)
   and not exists (select from keyrota.alert_setting a
                    where a.owner_id = o.owner_id and a.key_id = 0 and a.check_id = 'USAGE-REPORT'
                      and a.settings ->> 'mail' = 'off')
   and not exists (select from keyrota.message m
                    where m.recipient = lower(o.email) and m.report_week = keyrota.instant(:week))
 order by o.owner_id
 limit :count
