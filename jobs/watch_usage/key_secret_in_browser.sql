-- KEY-SECRET-IN-BROWSER, standing: a secret key that browsers send is in the hands of everybody who opens the page.
select w.key_id, '' as detail, 4 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('requests', w.browser_requests, 'last_hour_us', keyrota.micros(w.last_hour)) as evidence
  from pg_temp.watch_window w
 where w.type = 'secret' and w.browser_requests > 0 and (w.status = 'inactive' or not w.is_over)
