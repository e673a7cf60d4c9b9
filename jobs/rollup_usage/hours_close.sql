-- Closes all hours before `until`.
with gone as (
    delete from keyrota.usage_open_hour where hour < keyrota.instant(:until)
)
update keyrota.usage_watermark set closed_until = greatest(closed_until, keyrota.instant(:until))
