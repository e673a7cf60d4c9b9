insert into keyrota.suppression as s (address, suppressed_at, reason, added_by)
select lower(cast(:address as text)), clock_timestamp(), cast(:reason as text), cast(:added_by as text)
    on conflict (address) do update
   set suppressed_at = excluded.suppressed_at, reason = excluded.reason, added_by = excluded.added_by
 where s.suppressed_at is null
returning address
