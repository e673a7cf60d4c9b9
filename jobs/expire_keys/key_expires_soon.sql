-- KEY-EXPIRES-SOON, incremental: an active key's end date came within one of its policy rule's stages since the last run.
-- Each stage walks its own short range of api_key_state_expires_at_idx; in the standing pass the watermark lies in the far
-- past and the ranges are whole, (as_of, as_of + stage]. A key that crossed several stages at once is one row.
-- Predecessors in their overlap (retire_at) are left out: their successor has its own date.
with stage as materialized (
    select distinct unnest(expiry_notice_before) as before from keyrota.policy_rule where rank >= 0
)
select distinct s.key_id, '' as detail,
       case when s.expires_at <= keyrota.instant(:as_of) + interval '1 day' then 4
            when s.expires_at <= keyrota.instant(:as_of) + interval '7 days' then 3
            else 2 end as severity,
       null::text as action, s.expires_at as due_at,
       jsonb_build_object('expires_at_us', keyrota.micros(s.expires_at)) as evidence
  from stage
  join keyrota.api_key_state s
    on s.expires_at > greatest(keyrota.instant(:watermark) + stage.before, keyrota.instant(:as_of))
   and s.expires_at <= keyrota.instant(:as_of) + stage.before
  join keyrota.api_key k on k.key_id = s.key_id
  join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
 where s.status = 'active' and s.retire_at is null and stage.before = any (p.expiry_notice_before)
