-- From where it was seen; nothing where somebody else has moved it.
update keyrota.ingest_position
   set byte_offset = :byte_offset, tail_hash = :tail_hash, beginning_hash = :beginning_hash,
       beginning_length = :beginning_length, file = :file, updated_at = now()
 where ingest_position_id = :id and byte_offset = :was
