-- Where the rollup stands, and how far it could go: below the oldest transaction that is still open everything has ended.
-- The clock is read when that snapshot exists: what arrives after it has a greater id.
select w.xid as watermark, keyrota.micros(w.rolled_at) as rolled_at,
       pg_snapshot_xmin(pg_current_snapshot())::text::bigint as ended_below,
       keyrota.micros(clock_timestamp()) as now,
       (w.system_identifier <> s.system_identifier)::int as is_elsewhere,
       (pg_snapshot_xmax(pg_current_snapshot())::text::bigint < w.xid)::int as is_behind
  from keyrota.usage_watermark w, pg_control_system() s
