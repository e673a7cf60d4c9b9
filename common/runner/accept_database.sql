update keyrota.installation i
   set system_identifier = s.system_identifier, timeline_id = c.timeline_id, last_xid = pg_current_xact_id()
  from pg_control_system() s, pg_control_checkpoint() c
