-- What is to be judged, in order; and how many keys there are to compare with, counted only where it may matter.
select g.check_id, keyrota.micros(g.hour) as hour, g.alarms, u.per_hour::text as per_hour, keyrota.micros(u.until_at) as until_at,
       case when g.alarms > :few then (select count(*) from keyrota.detector_state where next_due_at is not null) end as keys
  from keyrota.anomaly_gate g
  left join keyrota.anomaly_usual u on u.check_id = g.check_id
 where g.judged_at is null
 order by g.check_id, g.hour
