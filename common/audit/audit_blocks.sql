-- Every block in the order of its id, beside audit_entries: transactions take an id when they begin and a height when they
-- end, so this is nearly the order of the chain, but not quite.
select block_id, height, entries_total, previous_hash, block_hash, sealed_at
  from keyrota.audit_block
 order by block_id
