select keyrota.micros(clock_timestamp()) as now, split_part(current_setting('server_version'), ' ', 1) as server_version,
       pg_database_size(current_database()) as size_bytes, i.simulation::int as simulation,
       h.height, keyrota.micros(b.sealed_at) as sealed_at,
       (h.height = 0 or h.block_hash is not distinct from b.block_hash)::int as head_fits
  from keyrota.installation i
 cross join keyrota.audit_head h
  left join keyrota.audit_block b on b.height = h.height
