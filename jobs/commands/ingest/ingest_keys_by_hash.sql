-- The keys of these hashes, by their place in the list. One at a time: a directory is not joined.
select place, key_id
  from (select g.place::bigint as place,
               (select h.key_id from keyrota.api_key_secret h where h.secret_hash = decode(g.hash, 'hex')) as key_id
          from jsonb_array_elements_text(cast(:given as jsonb)) with ordinality as g (hash, place)) found
 where key_id is not null
