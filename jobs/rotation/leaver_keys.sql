-- All native keys of an owner who has left, at once: handed to another where there is one, and switched off but for those
-- that are rotated, and the successors on their way. One audit entry for each that differs afterwards.
with theirs as (
    select k.key_id, k.owner_id, s.status, s.deactivated_at, k.key_id = any (cast(:staying as bigint[])) as stays
      from keyrota.api_key k
      join keyrota.api_key_state s on s.key_id = k.key_id
     where k.owner_id = :owner_id and k.source = 'native'
     order by k.key_id
       for no key update of k, s
), changing as (
    select theirs.*, coalesce(cast(:to_owner_id as bigint), theirs.owner_id) as new_owner_id,
           case when status = 'active' and not stays then 'inactive' else status end as new_status,
           case when status = 'active' and not stays then keyrota.instant(:as_of) else deactivated_at end as new_deactivated_at
      from theirs
     where status = 'active' or cast(:to_owner_id as bigint) is not null
), handed as (
    update keyrota.api_key k
       set owner_id = c.new_owner_id
      from changing c
     where k.key_id = c.key_id and k.owner_id <> c.new_owner_id
), switched_off as (
    update keyrota.api_key_state s
       set status = c.new_status, deactivated_at = c.new_deactivated_at
      from changing c
     where s.key_id = c.key_id and s.status <> c.new_status
), audited as (
    insert into keyrota.audit_entry (key_id, block_id, payload)
    select c.key_id, cast(:block_id as bigint),
           jsonb_build_object(
               'action', 'key.leaver', 'key_id', c.key_id, 'run_id', null, 'at_us', keyrota.micros(now()),
               'actor', cast(:actor as jsonb) || jsonb_build_object('session_user', session_user),
               'before', jsonb_build_object('owner_id', c.owner_id, 'status', c.status,
                                            'deactivated_at_us', keyrota.micros(c.deactivated_at)),
               'after', jsonb_build_object('owner_id', c.new_owner_id, 'status', c.new_status,
                                           'deactivated_at_us', keyrota.micros(c.new_deactivated_at)),
               'why', jsonb_build_object('reason', 'leaver'))::text
      from changing c
     order by c.key_id
)
select count(*) as handed_or_off, count(*) filter (where status <> new_status) as switched_off from changing
