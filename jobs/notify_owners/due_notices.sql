-- A recipient's notices that are due, the gravest first, with what mail shows of their keys; at most :count of them, and how
-- many there are in all.
select n.key_id, n.finding_uid, n.episode, n.anchor_at_us, n.stage, n.severity, n.reason, f.check_id, f.detail,
       keyrota.micros(f.due_at) as due_at, n.total, k.name, k.prefix, k.hint, k.environment, k.type,
       array_to_string(k.scopes, ', ') as scopes, keyrota.micros(k.created_at) as created_at,
       keyrota.micros(s.expires_at) as expires_at, keyrota.micros(a.last_used_at) as last_used_at,
       usage.requests, usage.errors, root.message_id as root_id
  from (select n.key_id, n.finding_uid, n.episode, keyrota.micros(n.anchor_at) as anchor_at_us, n.stage,
               n.severity::bigint as severity, n.reason, n.anchor_at, count(*) over () as total
          from keyrota.notice n
         where n.recipient = :recipient
           and (n.state = 'waiting' and n.not_before_at <= keyrota.instant(:as_of)
                or n.state = 'observed' and cast(:observes as int) = 0)
         order by n.stage = 'resolved', n.severity desc, n.anchor_at, n.key_id, n.finding_uid
         limit :count) n
  join keyrota.finding f on f.key_id = n.key_id and f.uid = n.finding_uid
  left join keyrota.api_key k on k.key_id = n.key_id
  left join keyrota.api_key_state s on s.key_id = n.key_id
  left join keyrota.api_key_activity a on a.key_id = n.key_id
  left join lateral (
        select string_agg(coalesce(u.requests, 0)::text, ' ' order by day) as requests, sum(u.errors)::bigint as errors
          from generate_series(date_trunc('day', keyrota.instant(:as_of), 'UTC') - interval '29 days',
                               date_trunc('day', keyrota.instant(:as_of), 'UTC'), interval '1 day') day
          left join lateral (select sum(h.requests)::bigint as requests,
                                    sum(h.client_errors + h.server_errors)::bigint as errors
                               from keyrota.usage_hour h
                              where h.key_id = n.key_id and h.hour >= day and h.hour < day + interval '1 day') u on true
         where n.key_id <> 0) usage on usage.errors is not null
  left join lateral (
        select coalesce(m.root_id, m.message_id) as message_id
          from keyrota.notice before
          join keyrota.message m on m.message_id = before.message_id
         where before.key_id = n.key_id and before.finding_uid = n.finding_uid and before.episode = n.episode
           and before.recipient = :recipient
         order by m.message_id
         limit 1) root on true
 order by n.stage = 'resolved', n.severity desc, n.anchor_at, n.key_id, n.finding_uid
