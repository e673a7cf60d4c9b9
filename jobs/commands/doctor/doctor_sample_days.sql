-- How many days, today's first, have a partition without a gap.
select coalesce(min(n), 400)::bigint as days
  from generate_series(0, 399) as n
 where to_regclass('keyrota.usage_sample_' || to_char(current_date + n, 'YYYYMMDD')) is null
