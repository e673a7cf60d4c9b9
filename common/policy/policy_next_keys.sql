-- The next keys to look at, in key order. With only_unassigned the planner sees a constant and walks the small partial
-- index api_key_unassigned_idx.
select coalesce(array_agg(key_id), '{}')::text as ids, coalesce(max(key_id), 0) as last, count(*) as total
  from (select key_id
          from keyrota.api_key
         where key_id > :after and (cast(:only_unassigned as int) = 0 or policy_rule_id is null)
         order by key_id
         limit :size) batch
