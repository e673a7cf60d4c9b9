-- The constraints and indexes of the key tables, and the foreign keys that point to them, as commands that drop and make
-- each. In this order they can be made, in the reverse one dropped: a foreign key needs the unique one it refers to.
with loaded(id) as (
    values ('keyrota.api_key'::regclass), ('keyrota.api_key_secret'::regclass),
           ('keyrota.api_key_state'::regclass), ('keyrota.api_key_activity'::regclass))
select case c.contype when 'f' then 3 else 1 end as step,
       format('alter table %s drop constraint %I', c.conrelid::regclass, c.conname) as drop_command,
       format('alter table %s add constraint %I %s', c.conrelid::regclass, c.conname,
              pg_get_constraintdef(c.oid)) as make_command
  from pg_constraint c
 where c.contype in ('p', 'u', 'x', 'f')
   and (c.conrelid in (select id from loaded) or c.confrelid in (select id from loaded))
union all
select 2, format('drop index %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
  from pg_index i
 where i.indrelid in (select id from loaded)
   and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x'))
 order by step, make_command
