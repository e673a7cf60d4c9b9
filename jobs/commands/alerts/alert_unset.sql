-- Takes the settings of one owner or key for one check back. No row: there were none.
delete from keyrota.alert_setting
 where key_id = :key_id and owner_id = :owner_id and check_id = :check_id
returning jsonb_build_object('owner_id', nullif(owner_id, 0), 'check', check_id, 'settings', settings)::text as before
