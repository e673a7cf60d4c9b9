-- The detector begins anew; of alarms that were counted by hour nothing is kept, since they will be counted again.
with gate as (
    delete from keyrota.anomaly_gate
), usual as (
    delete from keyrota.anomaly_usual
)
update keyrota.detector_position set judged_until = null, built_from = keyrota.instant(:from)
