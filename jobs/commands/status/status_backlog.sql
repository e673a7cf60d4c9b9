-- Native keys that came due since the last complete run of expire-keys and are not expired yet (the stretch of
-- api_key_state_expires_at_idx that its next run walks), and keys that wait for their policy rule
-- (api_key_unassigned_idx). No further than :enough of each.
select (select count(*)
          from (select from keyrota.api_key_state s
                 where s.expires_at > keyrota.instant(:watermark) and s.expires_at <= keyrota.instant(:as_of)
                   and s.status <> 'expired'
                   and exists (select from keyrota.api_key k where k.key_id = s.key_id and k.source = 'native')
                 limit :enough) due) as due,
       (select count(*)
          from (select from keyrota.api_key where policy_rule_id is null limit :enough) waiting) as without_rule
