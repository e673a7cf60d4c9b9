-- Logs that begin so, the one read furthest first.
select ingest_position_id as id, byte_offset, tail_hash
  from keyrota.ingest_position
 where beginning_length = :beginning_length and beginning_hash = :beginning_hash
 order by byte_offset desc, ingest_position_id
