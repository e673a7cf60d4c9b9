-- All of them at once, whatever the batch; what is not rolled up yet, or locked, stays for the next run.
select keyrota.free_sample_partitions((keyrota.instant(:before) at time zone 'UTC')::date)::bigint as total
