-- Takes keys for a transaction, in their order; others' rows are waited for, or skipped where `skip locked` is put behind it.
-- A gateway that looks a key up waits for none of it.
select k.key_id
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
 where k.key_id = any (cast(:ids as bigint[])) and s.key_id = any (cast(:ids as bigint[]))
 order by k.key_id
   for no key update of k, s
