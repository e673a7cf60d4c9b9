-- Adds what is wished (a JSON object) to the settings of one owner or key for one check. No row: they are so already.
-- @returns them before and after, as the audit trail keeps them.
with was as (
    select a.settings from keyrota.alert_setting a
     where a.key_id = :key_id and a.owner_id = :owner_id and a.check_id = :check_id
       for update
), done as (
    insert into keyrota.alert_setting as a (key_id, owner_id, check_id, settings)
    select cast(:key_id as bigint), cast(:owner_id as bigint), cast(:check_id as text), cast(:wishes as jsonb)
      from (select count(*) from was) locked  -- before it is written: afterwards `was` would not see it
        on conflict (key_id, owner_id, check_id) do update
       set settings = a.settings || excluded.settings, updated_at = now()
     where a.settings <> a.settings || excluded.settings
    returning a.owner_id, a.check_id, a.settings
)
select (select jsonb_build_object('owner_id', nullif(done.owner_id, 0), 'check', done.check_id, 'settings', was.settings)
          from was)::text as before,
       jsonb_build_object('owner_id', nullif(done.owner_id, 0), 'check', done.check_id, 'settings', done.settings)::text
           as after
  from done
