-- Whether the role that custom checks run as may do more than look at the views made for it.
select r.rolname::text as name,
       (r.rolsuper or r.rolcreaterole or r.rolcreatedb or r.rolreplication or r.rolbypassrls
        or exists (select from pg_auth_members m where m.member = r.oid)
        or exists (select from pg_class c
                    where c.relnamespace = 'keyrota'::regnamespace and c.relkind in ('r', 'p', 'v')
                      and not starts_with(c.relname, 'checks_') and has_table_privilege(c.oid, 'select')))::int as may_more
  from pg_roles r
 where r.rolname = session_user
