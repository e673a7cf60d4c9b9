-- prefix...hint as lists and mails show it. Not indexed: a person asks, and waits a second at ten million keys.
select key_id, name from keyrota.api_key where prefix = :prefix and hint = :hint order by key_id limit 6
