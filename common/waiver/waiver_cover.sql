-- What a check returned and a waiver covers asks for no action. Of several waivers the one that lasts longest counts, so
-- that the next run says the same.
update pg_temp.check_result r
   set waiver_id = covered.waiver_id, action = null
  from (select distinct on (w.key_id) w.key_id, w.waiver_id
          from keyrota.waived_keys(:check_id, keyrota.instant(:as_of)) w
          join pg_temp.check_result r on r.key_id = w.key_id
         order by w.key_id, w.expires_at desc, w.waiver_id) covered
 where r.key_id = covered.key_id
