-- All hours before are seen; what the gate counted is kept for a month.
with old as (
    delete from keyrota.anomaly_gate where hour < keyrota.instant(:until) - interval '30 days'
)
update keyrota.detector_position
   set judged_until = greatest(judged_until, keyrota.instant(:until))
