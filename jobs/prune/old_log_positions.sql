-- How far logs were read whose lines the figures have forgotten: should one of them be read again, so are its lines at once.
select ingest_position_id as id from keyrota.ingest_position where updated_at <= keyrota.instant(:before)
