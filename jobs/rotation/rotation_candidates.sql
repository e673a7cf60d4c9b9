-- The next rotations whose secret waits for its delivery, in the order of their keys. A look: what counts is read again under
-- the keys' locks.
select r.key_id
  from keyrota.rotation r
 where r.state in ('requested', 'created') and not r.held and coalesce(r.retry_at <= keyrota.instant(:as_of), true)
   and r.key_id > :after and not keyrota.rotation_is_claimed(r)
   and (cast(:only as bigint[]) is null or r.key_id = any (cast(:only as bigint[])))
   and coalesce(r.sink, '') <> all (cast(:resting as text[]))
 order by r.key_id
 limit :size
