-- The upper bound of a rollup: this transaction's own id. now() is when it began, before it had one: all that was written
-- by then has a smaller id, whichever is still open. (A snapshot's xmax would not do: it is the id after the newest one that
-- has ended, and a transaction that was already writing may have a greater one.)
insert into keyrota.usage_rollup (taken_at, snapshot_xmax)
values (now(), pg_current_xact_id()::text::bigint)
    on conflict (taken_at) do update set snapshot_xmax = excluded.snapshot_xmax
returning snapshot_xmax as bound
