-- The next keys of one check and one kind of item, in key order: neighbours in the tables.
select coalesce(array_agg(key_id), '{}')::text as ids, coalesce(min(key_id), -1) as first, coalesce(max(key_id), -1) as last,
       count(*) as total
  from (select distinct key_id
          from keyrota.plan_item
         where run_id = :run_id and check_id = :check_id and key_id > :after
           and case cast(:kind as text) when 'action' then action is not null
                                        when 'resolve' then change = 'resolve'
                                        else action is null and change in ('open', 'reopen', 'change') end
         order by key_id
         limit :size) batch
