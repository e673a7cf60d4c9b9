-- The five roles, made by `keyrota db init` as a superuser or a role with CREATEROLE; they belong to the whole cluster,
-- so they are no migration. Idempotent: what exists is left as it is.
do $$
declare role_name text;
begin
    foreach role_name in array array['keyrota_owner', 'keyrota_runner', 'keyrota_auditor', 'keyrota_checker',
                                     'keyrota_gateway'] loop
        if not exists (select from pg_roles where rolname = role_name) then
            execute format('create role %I login', role_name);
        end if;
    end loop;
end $$;
