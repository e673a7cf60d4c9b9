-- KEY-INACTIVE-IN-USE, standing: somebody still calls with a key that was over before the hour began. Calls of the hour in
-- which it ended may have been good ones.
select w.key_id, '' as detail, 3 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('status', w.status, 'over_at_us', keyrota.micros(w.over_at), 'requests', since.requests,
                          'last_hour_us', keyrota.micros(w.last_hour)) as evidence
  from pg_temp.watch_window w
 cross join lateral (select sum(h.requests) as requests
                       from keyrota.usage_hour h
                      where h.key_id = w.key_id and h.hour between w.first_hour and w.last_hour
                        and h.hour >= coalesce(w.over_at, w.first_hour)) since
 where w.is_over and w.last_hour >= coalesce(w.over_at, w.last_hour)
