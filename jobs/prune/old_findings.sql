-- Findings that were resolved before the retention. Batches walk the primary key: resolved_at is in no index, since each
-- expiry of a key would write to it.
select key_id as id from keyrota.finding where status = 'resolved' and resolved_at <= keyrota.instant(:before)
