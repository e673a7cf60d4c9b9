-- Keys of the source that the file does not name.
insert into pg_temp.key_import_vanished (key_id, external_id, status)
select x.key_id, x.external_id, s.status
  from keyrota.api_key_external x
  join keyrota.api_key_state s on s.key_id = x.key_id
 where x.source = :source
   and not exists (select from pg_temp.key_import i where i.external_id = x.external_id)
 order by x.key_id
