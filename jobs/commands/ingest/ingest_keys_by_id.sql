-- Which of these key_ids there are, by their place in the list.
select g.place::bigint as place, k.key_id
  from jsonb_array_elements_text(cast(:given as jsonb)) with ordinality as g (key_id, place)
  join keyrota.api_key k on k.key_id = cast(g.key_id as bigint)
