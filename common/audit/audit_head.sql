-- The newest block, and whose trail it is.
select i.installation_uuid::text as installation, i.signing_public_key as public_key, h.height,
       encode(h.block_hash, 'hex') as hash, keyrota.micros(b.sealed_at) as sealed_at,
       keyrota.micros(clock_timestamp()) as now
  from keyrota.audit_head h
  join keyrota.installation i on true
  left join keyrota.audit_block b on b.height = h.height
