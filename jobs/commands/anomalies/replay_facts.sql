-- How the detector sees the key, how far it came, and what it kept.
select keyrota.micros(coalesce(p.judged_until, w.closed_until)) as until_at,
       coalesce(r.anomaly_sensitivity, 'normal') as sensitivity, encode(s.state, 'hex') as state
  from keyrota.api_key k
 cross join keyrota.detector_position p
 cross join keyrota.usage_watermark w
  left join keyrota.policy_rule r on r.policy_rule_id = k.policy_rule_id
  left join keyrota.detector_state s on s.key_id = k.key_id
 where k.key_id = :key_id
