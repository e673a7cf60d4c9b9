-- KEY-ANOMALY-SPIKE and its like, standing: an incident is over after 24 hours without an alarm. The step detect opens its
-- finding, in the transaction that moves the key's state; here it goes on as it is, or ends by absence. Hours are counted
-- from those that the detector has seen, not from now: one that stands still ends nothing.
select f.key_id, f.detail, f.severity, null::text as action, f.due_at, f.evidence
  from keyrota.finding f
  join keyrota.detector_state d on d.key_id = f.key_id
 where f.check_id = :anomaly and f.status <> 'resolved'
   and d.last_alarm_at > (select judged_until from keyrota.detector_position) - interval '24 hours'
