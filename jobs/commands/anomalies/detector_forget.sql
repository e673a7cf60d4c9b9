delete from keyrota.detector_state
 where key_id in (select key_id from keyrota.detector_state order by key_id limit :size)
