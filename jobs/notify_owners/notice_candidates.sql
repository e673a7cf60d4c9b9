-- Findings after (:after_key, :after_uid), in that order, of which somebody may have to be told now: what decide_stage and
-- choose_recipient ask of each. Whose mail came back less than three days ago (a dead message's next_try_at is when it was given
-- up) is passed over; later they are asked again, so that nothing is lost where it came back from everybody. Left out is what the newest notice says to be told until its next stage, what is waived, and
-- what ended without anybody having heard of it.
select f.key_id, f.uid, f.check_id, f.episode, f.status, f.severity, coalesce(f.resolution, '') as resolution,
       keyrota.micros(f.due_at) as due_at, keyrota.micros(f.resolved_at) as resolved_at,
       case when f.check_id = 'KEY-EXPIRES-SOON' then
           (select string_agg((extract(epoch from b) * 1000000)::bigint::text, ' ') from unnest(p.expiry_notice_before) b)
       end as notice_before,
       keyrota.micros(told.at) as told_at, told.severity::bigint as told_severity, told.stages as told_stages,
       told.reached::int as told_reached, told.resolved::int as told_resolved, told.acted::int as told_acted,
       coalesce(r.key_name, '') as key_name, (r.owner_id is not null)::int as has_owner, r.owner_name, r.owner_email,
       r.owner_time_zone, r.owner_active, r.fallback_name, r.fallback_email, r.fallback_time_zone, r.fallback_active,
       r.team_name, r.team_email, r.team_webhook, r.security_email, lower(:operator) as operator_email,
       coalesce(of_key.settings ->> 'mail', of_owner.settings ->> 'mail', '') as mail,
       (select string_agg(address, E'\n')
          from (select x.address from keyrota.suppression x
                 where x.suppressed_at is not null
                   and x.address in (r.owner_email, r.fallback_email, r.team_email, r.security_email, lower(:operator))
                 union
                select n.recipient from keyrota.notice n left join keyrota.message m using (message_id)
                 where n.key_id = f.key_id and n.finding_uid = f.uid and n.episode = f.episode and n.state = 'failed'
                   and coalesce(m.next_try_at > keyrota.instant(:as_of) - interval '3 days', true)) gone
       ) as unreachable
  from keyrota.finding f
  left join keyrota.api_key k on k.key_id = f.key_id
  left join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
  left join keyrota.key_recipients r on r.key_id = f.key_id
  left join keyrota.alert_setting of_key
         on of_key.key_id = f.key_id and f.key_id <> 0 and of_key.owner_id = 0 and of_key.check_id = f.check_id
  left join keyrota.alert_setting of_owner
         on of_owner.owner_id = r.owner_id and of_owner.key_id = 0 and of_owner.check_id = f.check_id
 cross join lateral (
        -- That it ended counts for the end alone: what comes back goes on where it stood.
        select max(n.created_at) filter (where n.stage <> 'resolved') as at, count(distinct n.stage) as stages,
               (array_agg(n.next_at order by n.created_at desc) filter (where n.stage <> 'resolved'))[1] as next_at,
               (array_agg(n.severity order by n.created_at desc) filter (where n.stage <> 'resolved'))[1] as severity,
               bool_or(n.state = 'told') as reached, bool_or(n.stage = 'resolved') as resolved,
               bool_or(n.stage = 'acted') as acted
          from keyrota.notice n
         where n.key_id = f.key_id and n.finding_uid = f.uid and n.episode = f.episode
           and n.anchor_at = coalesce(f.due_at, timestamptz '1970-01-01 00:00Z') and not n.is_copy
           and n.state in ('observed', 'waiting', 'told')) told
 where not f.evidence ? 'held'  -- an anomaly of which nobody is told, or not yet
   and (f.key_id, f.uid) > (cast(:after_key as bigint), cast(:after_uid as text))
   and case when f.status in ('open', 'acknowledged')
                 or f.resolution = 'acted' and f.resolved_at > keyrota.instant(:as_of) - interval '7 days'
            then told.at is null or told.next_at <= keyrota.instant(:as_of)
                 or f.resolution = 'acted' and not told.acted and f.check_id = any (cast(:announcing as text[]))
                 or told.severity < cast(:urgent as int) and f.severity >= cast(:urgent as int)
            else f.status = 'resolved' and f.resolved_at > keyrota.instant(:as_of) - interval '7 days'
                 and told.reached and not told.resolved end
 order by f.key_id, f.uid
 limit :count
