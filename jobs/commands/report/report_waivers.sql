-- Waivers in force, the first to end first, with what each covers now. For an owner or a team those that cover something.
select w.name, w.source, array_to_string(w.checks, ' ') as checks, w.reason, w.requested_by, w.approved_by,
       keyrota.micros(w.expires_at) as expires_at, coalesce(c.findings, 0) as findings, count(*) over () as total
  from keyrota.waiver w
  left join (select f.waiver_id, count(*) as findings
               from keyrota.finding f
               left join keyrota.api_key k on k.key_id = f.key_id
              where f.status = 'waived'
   and (cast(:owner_id as bigint) is null or k.owner_id = :owner_id)
   and (cast(:team_id as bigint) is null
        or k.owner_id in (select o.owner_id from keyrota.owner o where o.team_id = :team_id))
              group by f.waiver_id) c on c.waiver_id = w.waiver_id
 where w.ended_at is null and w.expires_at > keyrota.instant(:as_of)
   and (c.findings > 0 or (cast(:owner_id as bigint) is null and cast(:team_id as bigint) is null))
 order by w.expires_at, w.waiver_id
 limit cast(:limit as bigint)
