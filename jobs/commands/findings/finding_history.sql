-- A finding's life, newest first: its episodes, and what the audit trail holds of it.
select at, what, by, why
  from (select keyrota.micros(opened_at) as at, 'episode ' || episode || ' opened' as what, null::text as by, null::text as why
          from (select key_id, uid, episode, opened_at from keyrota.finding
                union all
                select key_id, uid, episode, opened_at from keyrota.finding_episode) e
         where e.key_id = :key_id and e.uid = :uid
        union all
        select keyrota.micros(resolved_at), 'episode ' || episode || ' resolved: ' || resolution, decided_by, decided_why
          from (select key_id, uid, episode, resolved_at, resolution, decided_by, decided_why from keyrota.finding
                union all
                select key_id, uid, episode, resolved_at, resolution, decided_by, decided_why
                  from keyrota.finding_episode) e
         where e.key_id = :key_id and e.uid = :uid and resolved_at is not null
        union all
        select keyrota.micros(f.changed_at), 'waived until ' || to_char(w.expires_at at time zone 'UTC', 'YYYY-MM-DD') || ' by '
               || w.name, w.approved_by, w.reason
          from keyrota.finding f
          join keyrota.waiver w on w.waiver_id = f.waiver_id
         where f.key_id = :key_id and f.uid = :uid and f.status = 'waived'
        union all
        select keyrota.micros(f.decided_at), 'open again', f.decided_by, f.decided_why
          from keyrota.finding f
         where f.key_id = :key_id and f.uid = :uid and f.status = 'open' and f.decided_at is not null
        union all
        select a.at_us, a.action, a.payload::jsonb -> 'actor' ->> 'os_user', a.payload::jsonb -> 'why' ->> 'reason'
          from keyrota.audit_entry a
         where a.key_id = :key_id
           and (a.payload::jsonb -> 'why' ->> 'finding' = :uid or a.payload::jsonb -> 'why' ->> 'check' = :check_id)) life
 order by at desc, what desc
