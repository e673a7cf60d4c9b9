-- What one check's plan amounts to. A check asks for one action.
select count(*) filter (where change = 'open' or change = 'reopen') as opened,
       count(*) filter (where change = 'change') as changed,
       count(*) filter (where change = 'resolve') as resolved,
       count(*) filter (where action is null and change in ('open', 'reopen', 'change')) as to_record,
       count(*) filter (where action is not null) as actions, min(action) as action
  from keyrota.plan_item
 where run_id = :run_id and check_id = :check_id
