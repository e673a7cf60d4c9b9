-- In the transaction of the batch that it counts.
update keyrota.run_check
   set found_total = found_total + :found, opened_total = opened_total + :opened, changed_total = changed_total + :changed,
       resolved_total = resolved_total + :resolved, applied_total = applied_total + :applied,
       drifted_total = drifted_total + :drifted, refused_total = refused_total + :refused,
       failed_total = failed_total + :failed
 where run_id = :run_id and check_id = :check_id
