-- Critical findings, exactly, by an index that holds no others (finding_critical_idx); and how large the table is.
select count(*) filter (where status <> 'waived') as total, count(*) filter (where status = 'open') as open,
       pg_relation_size('keyrota.finding') / current_setting('block_size')::bigint as pages
  from keyrota.finding
 where status <> 'resolved' and severity = 5
