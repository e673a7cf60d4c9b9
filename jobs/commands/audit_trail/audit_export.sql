-- Entries with their blocks, in the order of the chain. A filter that is null drops out when the statement is planned.
select b.height, b.block_id, b.entries_total, encode(b.previous_hash, 'hex') as previous_hash,
       encode(b.block_hash, 'hex') as block_hash, keyrota.micros(b.sealed_at) as sealed_at,
       e.entry_id, e.key_id, e.action, e.run_id, e.at_us as at, e.payload
  from keyrota.audit_block b
  join keyrota.audit_entry e on e.block_id = b.block_id
 where (cast(:key_id as bigint) is null or e.key_id = :key_id)
   and (cast(:action as text) is null or e.action = :action)
   and (cast(:since as bigint) is null or e.at_us >= :since)
   and (cast(:until as bigint) is null or e.at_us < :until)
 order by b.height, e.entry_id
