-- The keys with these names in their own system, by their place in the list. One at a time: a directory is not joined.
select place, key_id
  from (select g.place::bigint as place,
               (select x.key_id from keyrota.api_key_external x
                 where x.source = cast(:source as text) and x.external_id = g.external_id) as key_id
          from jsonb_array_elements_text(cast(:given as jsonb)) with ordinality as g (external_id, place)) found
 where key_id is not null
