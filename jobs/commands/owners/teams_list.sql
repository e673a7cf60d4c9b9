-- Teams by name, with what is theirs: counted for those listed alone, through the indexes.
select t.team_id, t.name, t.email, t.security_email, t.webhook,
       (select count(*) from keyrota.owner o where o.team_id = t.team_id) as owners,
       (select count(*) from keyrota.owner o join keyrota.api_key k on k.owner_id = o.owner_id
         where o.team_id = t.team_id) as keys,
       (select count(*) from keyrota.owner o join keyrota.api_key k on k.owner_id = o.owner_id
                             join keyrota.finding x on x.key_id = k.key_id
         where o.team_id = t.team_id and x.status <> 'resolved') as findings
  from keyrota.team t
 where cast(:team_id as bigint) is null or t.team_id = :team_id
 order by t.name, t.team_id
 limit cast(:limit as bigint)
