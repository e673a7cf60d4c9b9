update keyrota.installation i
   set system_identifier = s.system_identifier, timeline_id = keyrota.current_timeline(), last_xid = pg_current_xact_id()
  from pg_control_system() s
