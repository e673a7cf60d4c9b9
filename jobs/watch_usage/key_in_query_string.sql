-- KEY-IN-QUERY-STRING, standing: calls that carried the key as `?api_key=`. It stands in logs and histories now, and an
-- inactive key may come back.
select w.key_id, '' as detail, 3 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('requests', w.query_auth, 'last_hour_us', keyrota.micros(w.last_hour)) as evidence
  from pg_temp.watch_window w
 where w.query_auth > 0 and (w.status = 'inactive' or not w.is_over)
