-- A person's word on a finding that is not resolved yet. @returns what it was.
with was as (
    select key_id, uid, status
      from keyrota.finding
     where key_id = :key_id and uid = :uid and status <> 'resolved'
       for update
)
update keyrota.finding f
   set status = :status, resolution = case :status when 'resolved' then 'by hand' end,
       resolved_at = case :status when 'resolved' then clock_timestamp() end, changed_at = clock_timestamp(),
       decided_by = :decided_by, decided_at = clock_timestamp(), decided_why = :decided_why, run_id = 0
  from was
 where f.key_id = was.key_id and f.uid = was.uid and f.key_id = :key_id
returning was.status as before
