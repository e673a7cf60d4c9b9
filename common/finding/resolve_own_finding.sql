-- Closes a finding about the runner itself.
update keyrota.finding
   set status = 'resolved', resolution = :resolution, resolved_at = clock_timestamp(), changed_at = clock_timestamp()
 where key_id = 0 and check_id = :check_id and detail = :detail and status <> 'resolved'
