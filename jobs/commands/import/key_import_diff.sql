-- Keys of the source that the file describes otherwise than they are. What the file has no column for stays; an empty field
-- of a column that it has means none, but an empty created_at or secret says nothing. A key that was pruned and is there again
-- is active again, also without a column that says so; one that somebody switched off stays off.
insert into pg_temp.key_import_changed (
       key_id, external_id, old_name, name, old_owner_id, owner_id, old_type, type, old_environment, environment,
       old_prefix, prefix, old_hint, hint, old_scopes, scopes, old_service_plan_id, service_plan_id,
       old_created_at, created_at, old_status, status, old_expires_at, expires_at, new_secret_hash)
select d.*
  from (select k.key_id, i.external_id, k.name as old_name, i.name, k.owner_id as old_owner_id, o.owner_id,
               k.type as old_type, i.type, k.environment as old_environment, i.environment,
               k.prefix as old_prefix,
               case cast(:has_prefix as int) when 1 then coalesce(i.prefix, '') else k.prefix end as prefix,
               k.hint as old_hint,
               case cast(:has_hint as int) when 1 then coalesce(i.hint, '') else k.hint end as hint,
               k.scopes as old_scopes,
               case cast(:has_scopes as int) when 1 then coalesce(i.scopes, '{}') else k.scopes end as scopes,
               k.service_plan_id as old_service_plan_id,
               case cast(:has_plan as int) when 1 then i.service_plan_id else k.service_plan_id end as service_plan_id,
               k.created_at as old_created_at, coalesce(i.created_at, k.created_at) as created_at,
               s.status as old_status,
               case when cast(:has_status as int) = 1 or s.status <> 'inactive' then i.status else s.status end as status,
               s.expires_at as old_expires_at,
               case cast(:has_expires_at as int) when 1 then i.expires_at else s.expires_at end as expires_at,
               case when h.key_id is null then i.secret_hash end as new_secret_hash
          from pg_temp.key_import i
          join pg_temp.key_import_owner o on o.email = lower(i.owner_email)
          join keyrota.api_key_external x on x.source = :source and x.external_id = i.external_id
          join keyrota.api_key k on k.key_id = x.key_id
          join keyrota.api_key_state s on s.key_id = x.key_id
          left join keyrota.api_key_secret h on h.secret_hash = i.secret_hash and h.key_id = x.key_id) d
 where (d.name, d.owner_id, d.type, d.environment, d.prefix, d.hint, d.scopes, d.service_plan_id, d.created_at, d.status,
        d.expires_at)
       is distinct from
       (d.old_name, d.old_owner_id, d.old_type, d.old_environment, d.old_prefix, d.old_hint, d.old_scopes,
        d.old_service_plan_id, d.old_created_at, d.old_status, d.old_expires_at)
    or d.new_secret_hash is not null
