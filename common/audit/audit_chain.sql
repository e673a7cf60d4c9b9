-- How the blocks follow each other.
select height, previous_hash, block_hash from keyrota.audit_block order by height
