-- Samples that could be counted now: for a dry run, since it reads them all.
select count(*) as total
  from keyrota.usage_sample, keyrota.usage_watermark w
 where usage_sample.xid >= w.xid and usage_sample.xid < pg_snapshot_xmin(pg_current_snapshot())::text::bigint
