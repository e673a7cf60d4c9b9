-- A deleted key's findings are over; they stay as history.
update keyrota.finding
   set status = 'resolved', resolution = 'by hand', resolved_at = clock_timestamp(), changed_at = clock_timestamp(),
       decided_by = :decided_by, decided_at = clock_timestamp(), decided_why = 'the key was deleted', run_id = 0
 where key_id = any (cast(:ids as bigint[])) and status <> 'resolved'
