-- The transaction counter only: a system identifier or a timeline that changed is for a person to accept.
update keyrota.installation set last_xid = greatest(last_xid, pg_current_xact_id())
