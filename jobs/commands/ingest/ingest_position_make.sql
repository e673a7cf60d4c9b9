insert into keyrota.ingest_position (beginning_hash, beginning_length, byte_offset, tail_hash, file)
values (:beginning_hash, :beginning_length, 0, :tail_hash, :file)
returning ingest_position_id as id
