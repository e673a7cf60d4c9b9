-- All of them at once, whatever the batch: the function knows which are missing.
select keyrota.make_sample_partitions(cast(:ahead as int))::bigint as total
