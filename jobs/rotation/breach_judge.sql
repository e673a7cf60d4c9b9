-- How keys stand that somebody else may know.
select k.key_id, k.prefix || '...' || k.hint as masked, k.name, o.email as owner, (k.source <> 'native')::int::bigint as is_imported,
       k.source,
       case when s.expires_at <= now() then 'expired' else s.status end as status,
       exists (select from keyrota.rotation u
                where u.key_id = k.predecessor_id and u.state in ('requested', 'created', 'failed')
                  and (u.successor_id = k.key_id or k.key_id = any (u.earlier_successor_ids)))::int::bigint as is_undelivered
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.owner o on o.owner_id = k.owner_id
 where k.key_id = any (cast(:ids as bigint[])) and s.key_id = any (cast(:ids as bigint[]))
 order by k.key_id
