-- Closes the findings of a batch that a standing pass no longer returned.
update keyrota.finding f
   set status = 'resolved', resolution = 'absence', resolved_at = keyrota.instant(:as_of),
       changed_at = keyrota.instant(:as_of), run_id = :run_id
  from keyrota.plan_item p
 where p.run_id = :run_id and p.check_id = :check_id and p.change = 'resolve'
   and p.key_id between :first and :last
   and f.key_id = p.key_id and f.uid = p.uid and f.key_id = any (cast(:ids as bigint[])) and f.status <> 'resolved'
