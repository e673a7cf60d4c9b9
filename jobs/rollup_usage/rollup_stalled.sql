-- ROLLUP-STALLED, standing: a transaction, in any database of the cluster, that was already writing when a bound was taken
-- so long ago is still open. Nothing of what was written since then can be counted. Its start is hidden from other roles,
-- its lock on itself is not.
select 0::bigint as key_id, coalesce('prepared ' || p.gid, 'pid ' || l.pid, 'transaction ' || x.xid) as detail,
       4 as severity, null::text as action, null::timestamptz as due_at,
       jsonb_build_object('pid', l.pid, 'gid', p.gid, 'database', coalesce(p.database, a.datname),
                          'role', coalesce(p.owner, a.usename),
                          'open_since_us', keyrota.micros(coalesce(p.prepared, a.xact_start, x.taken_at))) as evidence
  from (select pg_snapshot_xmin(pg_current_snapshot())::text::bigint as xid,
               (select max(taken_at) from keyrota.usage_rollup
                 where taken_at <= keyrota.instant(:as_of) - :stalled_after * interval '1 microsecond'
                   and snapshot_xmax > pg_snapshot_xmin(pg_current_snapshot())::text::bigint) as taken_at) x
  left join pg_prepared_xacts p on p.transaction::text::bigint = x.xid % 4294967296
  left join pg_locks l on l.locktype = 'transactionid' and l.granted and l.mode = 'ExclusiveLock' and l.pid is not null
                      and l.transactionid::text::bigint = x.xid % 4294967296
  left join pg_stat_activity a on a.pid = l.pid
 where x.taken_at is not null
