-- What became of the successors of breached keys.
select count(*) filter (where r.state in ('requested', 'created') or r.state = 'failed' and r.sink is not null) as undelivered,
       count(*) filter (where r.state = 'failed' and r.sink is null) as without_sink
  from keyrota.rotation r
 where r.key_id = any (cast(:ids as bigint[])) and r.reason = 'breach'
