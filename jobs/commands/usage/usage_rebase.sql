-- Makes the present server's transactions the measure of what is counted. In one snapshot: what the watermark says is
-- counted gets an id below everything; what is not, this transaction's own, which is above the new watermark, as are those
-- of writers that are still open. What arrived after the last rollup is not counted, whatever its id says: that may be the
-- new server's.
with present as materialized (
    select w.xid as watermark, w.rolled_at, w.complete_until,
           pg_snapshot_xmin(pg_current_snapshot())::text::bigint as ended_below, pg_current_xact_id()::text::bigint as own
      from keyrota.usage_watermark w
       for update
), moved as (
    update keyrota.usage_sample s
       set xid = case when s.received_at > p.rolled_at or s.xid >= p.watermark then p.own else 0 end
      from present p
     where s.xid >= p.watermark or s.received_at > p.rolled_at or s.xid >= p.ended_below
    returning s.xid > 0 as waits
), bounds as (
    delete from keyrota.usage_rollup
), gap as (
    insert into keyrota.usage_gap (from_at, to_at, reason)
    select coalesce(complete_until, rolled_at), clock_timestamp(), 'another database server, or a restored backup'
      from present
     where cast(:nothing_lost as int) = 0 and coalesce(complete_until, rolled_at) < clock_timestamp()
    returning from_at, to_at
), watermark as (
    update keyrota.usage_watermark w
       set xid = p.ended_below, rolled_at = clock_timestamp(),
           system_identifier = (select system_identifier from pg_control_system())
      from present p
)
select (select count(*) from moved where waits) as waiting, keyrota.micros((select from_at from gap)) as gap_from,
       keyrota.micros((select to_at from gap)) as gap_to
