-- Claims whose holder is gone, back to those that wait: of runs before ours (this one holds the job's lease), and of
-- deliverers by hand whose time is over.
update keyrota.message
   set state = 'pending', claimed_by = null, claim_expires_at = null
 where state = 'sending'
   and (claim_expires_at <= clock_timestamp() or (:holds_lease = 1 and claimed_by like 'run %') or claimed_by = :token)
