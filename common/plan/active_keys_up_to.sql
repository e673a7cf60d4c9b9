-- Counts active keys, but no further than the answer needs.
select count(*) as total from (select from keyrota.api_key_state where status = 'active' limit :enough) active
