-- Every entry, in the order of audit_entry_block_id_idx: that of their blocks' ids, and in a block the order that was hashed.
select block_id, entry_id, key_id, payload, action, run_id, at_us
  from keyrota.audit_entry
 order by block_id, entry_id
