-- How many findings of a batch are opened and how many changed, by its record_findings without actions.
select count(*) filter (where change in ('open', 'reopen')) as opened, count(*) filter (where change = 'change') as changed
  from keyrota.plan_item
 where run_id = :run_id and check_id = :check_id and key_id between :first and :last and action is null
