-- What a change would make of each of these keys: why it is refused, or what differs before and after (nothing does where
-- it is so already). Read under the locks of keys_lock.sql it is what is written; without them, a look.
with asked as (
    select cast(:change as text) as change, cast(:wishes as jsonb) as wishes
), found as (
    select k.key_id, k.prefix || '...' || k.hint as masked, k.name, k.source, k.type, s.status, s.retire_at,
           s.status = 'expired' or (s.expires_at <= now()) is true as is_over,
           keyrota.key_record(k, s) as was,
           (select r.successor_id from keyrota.rotation r
             where r.key_id = k.key_id and r.successor_id is not null and r.state <> 'cancelled' order by r.requested_at desc limit 1) as successor_id,
           -- Whose successor it was to be: that key was brought back, or has another one.
           (select r.key_id from keyrota.rotation r
             where r.key_id = k.predecessor_id
               and (r.successor_id = k.key_id and r.state = 'cancelled' or k.key_id = any (r.earlier_successor_ids)) limit 1) as stays_id,
           exists (select from keyrota.rotation r
                    where r.key_id = k.key_id and r.reason = 'breach') as was_breached,
           -- What is there without what is to go, then what is to come.
           coalesce(asked.wishes -> 'scopes',
                    to_jsonb(array(select had.scope from unnest(k.scopes) with ordinality as had (scope, place)
                                    where not coalesce(asked.wishes -> 'remove_scopes', '[]') ? had.scope
                                    order by had.place)
                             || array(select new.scope
                                        from jsonb_array_elements_text(coalesce(asked.wishes -> 'add_scopes', '[]'))
                                             with ordinality as new (scope, place)
                                       where new.scope <> all (k.scopes)
                                       order by new.place))) as scopes,
           asked.change, asked.wishes
      from asked, keyrota.api_key k
      join keyrota.api_key_state s on s.key_id = k.key_id
     where k.key_id = any (cast(:ids as bigint[])) and s.key_id = any (cast(:ids as bigint[]))
), judged as (
    select key_id, masked, name, change, was,
           case when source <> 'native'
                then 'its source is ' || source || ': only native keys are changed'
                when was_breached and (change = 'activate' or (change = 'update' and wishes ? 'expires_at_us'))
                then 'it was breached: somebody else may know its secret, so nothing brings it back'
                when change = 'activate' and is_over
                then 'it is expired: `keyrota keys update` must move its end date first'
                when change = 'update' and wishes ? 'expires_at_us' and (is_over or retire_at is not null) and successor_id is not null
                then 'it was rotated: key ' || successor_id || ' has taken its place'
                when change = 'update' and wishes ? 'expires_at_us' and is_over and stays_id is not null
                then 'it was made to succeed key ' || stays_id || ', which did without it'
                when change = 'update' and type = 'public' and scopes <> was -> 'scopes'
                     and exists (select from jsonb_array_elements_text(scopes) as s (scope) where s.scope not like 'read:%')
                then 'it is public, so its scopes may only read (read:...)'
                when change = 'delete' and retire_at is not null and status <> 'expired'
                then 'it is in the overlap of a rotation, until it retires'
           end as refused,
           case change
                when 'update' then was || (wishes - 'add_scopes' - 'remove_scopes') || jsonb_build_object('scopes', scopes)
                     -- An end date moved past its coming brings no key back to life: activating it is a step of its own.
                     || case when wishes ? 'expires_at_us' and is_over
                             then jsonb_build_object('status', 'inactive', 'deactivated_at_us', keyrota.micros(now()))
                             else '{}' end
                when 'activate' then was || '{"status": "active", "deactivated_at_us": null}'
                when 'deactivate' then was || case when status = 'active'
                     then jsonb_build_object('status', 'inactive', 'deactivated_at_us', keyrota.micros(now()))
                     else '{}' end
           end as becomes
      from found
)
select j.key_id, j.masked, j.name, j.refused,
       case when j.refused is null then coalesce(d.before, case j.change when 'delete' then j.was end)::text end as before,
       case when j.refused is null then d.after::text end as after
  from judged j
  left join lateral (select jsonb_object_agg(w.key, w.value) as before, jsonb_object_agg(w.key, j.becomes -> w.key) as after
                       from jsonb_each(j.was) w
                      where w.value <> j.becomes -> w.key) d on true
 order by j.key_id
