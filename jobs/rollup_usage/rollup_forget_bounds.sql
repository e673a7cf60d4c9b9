-- Bounds that have done their work; the newest one stays.
delete from keyrota.usage_rollup r
 using keyrota.usage_watermark w
 where r.snapshot_xmax <= w.xid and r.taken_at < w.complete_until
