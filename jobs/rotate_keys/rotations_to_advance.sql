-- The next rotations that have come further by themselves, and what they come to: seen in use, their overlap over, ended,
-- or without a key.
select key_id, token::text as token, state, successor_id, earlier_successor_ids::text as earlier_successor_ids, becomes, why
  from (select r.key_id, r.token, r.state, r.successor_id, r.earlier_successor_ids,
               case when s.key_id is null and r.state in ('requested', 'created', 'failed') then 'cancelled'
                    when s.key_id is null then 'retired'
                    when r.state in ('requested', 'created', 'failed') then null
                    when s.status = 'expired' then 'retired'
                    when r.state in ('delivered', 'verified') and s.retire_at <= keyrota.instant(:as_of) then 'retiring'
                    when r.state = 'delivered' and a.last_used_at is not null then 'verified' end as becomes,
               case when s.key_id is null then 'the key was deleted'
                    when s.status = 'expired' then 'the key expired' end as why
          from keyrota.rotation r
          left join keyrota.api_key_state s on s.key_id = r.key_id
          left join keyrota.api_key_activity a on a.key_id = r.successor_id
         where r.state not in ('retired', 'cancelled') and r.key_id > :after
           and not (s.key_id is null and keyrota.rotation_is_claimed(r))) r
 where becomes is not null
 order by key_id
 limit :size
