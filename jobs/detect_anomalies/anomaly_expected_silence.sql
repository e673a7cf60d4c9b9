-- A key that is over, or is being replaced, falls silent because it should.
delete from pg_temp.check_result r
 using keyrota.api_key_state s
 where s.key_id = r.key_id
   and (s.status <> 'active' or s.expires_at <= keyrota.instant(:as_of) or s.retire_at is not null)
