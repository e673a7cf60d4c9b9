-- KEY-EXPIRES-SOON, incremental: an active key's end date came within one of its policy rule's stages since the last run.
-- A stage `before` is crossed by the dates in (watermark + before, as_of + before]; in the standing pass the watermark
-- lies in the far past and that is all up to as_of + before. A range begins where the next smaller stage of the rule ends
-- at the earliest, so a key that crossed several stages at once is one row. Each walks its own stretch of
-- api_key_state_expires_at_idx.
-- Predecessors in their overlap (retire_at) are left out: their successor has its own date.
with stage as (
    select policy_rule_id, unnest(expiry_notice_before) as before from keyrota.policy_rule where rank >= 0
), crossed as materialized (
    select policy_rule_id,
           greatest(keyrota.instant(:watermark) + before, keyrota.instant(:as_of),
                    keyrota.instant(:as_of) + lag(before) over (partition by policy_rule_id order by before)) as after,
           keyrota.instant(:as_of) + before as until,
           keyrota.instant(:as_of) + interval '1 day' as tomorrow,  -- here, not for each key: it took a second
           keyrota.instant(:as_of) + interval '7 days' as next_week
      from stage
)
select n.key_id, '' as detail,
       case when n.expires_at <= n.tomorrow then 4 when n.expires_at <= n.next_week then 3 else 2 end as severity,
       null::text as action, n.expires_at as due_at,
       jsonb_build_object('expires_at_us', keyrota.micros(n.expires_at)) as evidence
  from (select c.policy_rule_id, c.tomorrow, c.next_week, s.key_id, s.expires_at
          from crossed c
          join keyrota.api_key_state s on s.expires_at > c.after and s.expires_at <= c.until
         where s.status = 'active' and s.retire_at is null
        offset 0) n  -- else the planner joins every key to every range first
  join keyrota.api_key k on k.key_id = n.key_id and k.policy_rule_id = n.policy_rule_id
