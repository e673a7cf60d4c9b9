-- KEY-ANOMALY-SPIKE and its like, standing: an incident is over after 24 hours without an alarm. The step detect opens its
-- finding, in the transaction that moves the key's state; here it goes on as it is, or ends by absence. Hours are counted
-- from those that the detector has seen, not from now: one that stands still, or whose
-- first run was cut off (its next one opens nothing twice), ends nothing. The silence of a key that is over is no DROP.
select f.key_id, f.detail, f.severity, null::text as action, f.due_at, f.evidence
  from keyrota.finding f
  left join keyrota.detector_state d on d.key_id = f.key_id
 cross join keyrota.detector_position p
 where f.check_id = :anomaly and f.status <> 'resolved'
   and (p.judged_until is null or d.last_alarm_at > p.judged_until - interval '24 hours')
   and (cast(:anomaly as text) <> 'KEY-ANOMALY-DROP'
        or exists (select from keyrota.api_key_state s
                    where s.key_id = f.key_id and s.status = 'active' and s.retire_at is null
                      and (s.expires_at is null or s.expires_at > keyrota.instant(:as_of))))
