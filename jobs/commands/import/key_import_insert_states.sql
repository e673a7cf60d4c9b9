insert into keyrota.api_key_state (key_id, status, expires_at, deactivated_at)
select key_id, status, expires_at, case status when 'inactive' then now() end
  from pg_temp.key_import_new
 where ordinal between :first and :last
