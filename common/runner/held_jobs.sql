select detail as job, evidence ->> 'reason' as reason, keyrota.micros(opened_at) as since
  from keyrota.finding
 where key_id = 0 and check_id = 'RUN-HELD' and status <> 'resolved' and (cast(:job as text) = '' or detail = :job)
 order by detail
