-- Who holds the lease now; no row when it can be taken.
select l.holder from keyrota.job_lease l where l.job = :job and l.shard = :shard and keyrota.lease_lives(l)
