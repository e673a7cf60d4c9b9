-- Days without a partition for their samples. They are partitioned by arrival, so this is about the server's own day and
-- not about the run's as_of.
select extract(epoch from day)::bigint as id
  from generate_series(current_date, current_date + cast(:ahead as int), interval '1 day') as day
 where to_regclass('keyrota.usage_sample_' || to_char(day, 'YYYYMMDD')) is null
