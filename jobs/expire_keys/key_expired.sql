-- KEY-EXPIRED, incremental: the end date has come and the key still counts as usable.
-- Walks api_key_state_expires_at_idx from the last complete run's as_of: an idle run reads a handful of pages.
select key_id, '' as detail, 4 as severity, 'expire' as action, expires_at as due_at,
       jsonb_build_object('expires_at_us', keyrota.micros(expires_at)) as evidence
  from keyrota.api_key_state
 where status <> 'expired'
   and expires_at > keyrota.instant(:watermark) and expires_at <= keyrota.instant(:as_of)
