-- Whether a run's checks leave a finding at or over a severity that nobody has answered (acknowledged, waived). In a dry
-- run the plan says what would become of them; in a real one it is empty or done.
select (exists (select from keyrota.finding f
                 where f.check_id = any (cast(:checks as text[])) and f.status = 'open' and f.severity >= :severity
                   and not exists (select from keyrota.plan_item p
                                    where p.run_id = :run_id and p.key_id = f.key_id and p.uid = f.uid
                                      and (p.change in ('change', 'resolve') or p.action is not null)))
     or exists (select from keyrota.plan_item p
                  left join keyrota.finding f on f.key_id = p.key_id and f.uid = p.uid
                 where p.run_id = :run_id and p.action is null and p.waiver_id is null and p.severity >= :severity
                   and (p.change in ('open', 'reopen')
                        or (p.change = 'change' and (f.status = 'open' or (f.status = 'waived' and f.waiver_id is not null))))))::int as found
