-- The keys of these secrets, by their hashes; a directory is looked up alone.
select h.key_id, encode(h.secret_hash, 'hex') as secret_hash
  from keyrota.api_key_secret h
 where h.secret_hash = any (array(select decode(given.hash, 'hex') from unnest(cast(:hashes as text[])) as given (hash)))
