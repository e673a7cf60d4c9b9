-- Each address of the file once, with the owner who has it.
insert into pg_temp.key_import_owner (email, written, owner_id)
select said.email, said.written, o.owner_id
  from (select lower(owner_email) as email, min(owner_email) as written from pg_temp.key_import group by 1) said
  left join keyrota.owner o on lower(o.email) = said.email
