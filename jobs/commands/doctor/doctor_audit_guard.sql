-- Who could alter the trail: a superuser, or who may act as the owner. And whether its three triggers are there and on
-- (`D` is off, `R` only on a replica).
select session_user::text as me,
       (r.rolsuper or pg_has_role(session_user, 'keyrota_owner', 'member'))::int as may_alter,
       (select count(*)
          from pg_trigger t
         where t.tgrelid in ('keyrota.audit_entry'::regclass, 'keyrota.audit_block'::regclass,
                             'keyrota.audit_head'::regclass)
           and t.tgname like '%append_only' and t.tgenabled in ('O', 'A')) as triggers,
       3::bigint as tables
  from pg_roles r
 where r.rolname = session_user
