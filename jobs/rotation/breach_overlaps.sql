-- A breached predecessor's overlap is over.
update keyrota.rotation
   set state = 'retired', changed_at = keyrota.instant(:as_of)
 where key_id = any (cast(:ids as bigint[])) and state in ('delivered', 'verified', 'retiring')
