update keyrota.waiver ended
   set ended_at = keyrota.instant(:at), ended_why = :ended_why
 where waiver_id = :waiver_id
returning keyrota.waiver_record(ended)::text as record
