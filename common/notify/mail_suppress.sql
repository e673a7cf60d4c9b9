-- A refusal for good. An address that does not exist (:is_certain) gets no more mail at once, any other after refusals on
-- two days: one may be the other side's opinion of one message.
insert into keyrota.suppression as s (address, failures, last_failure_at, suppressed_at, reason, added_by)
select lower(cast(:address as text)), 1, f.at, case when :is_certain = 1 then f.at end, cast(:reason as text), 'keyrota'
  from (select keyrota.instant(:at) as at) f
    on conflict (address) do update
   set failures = s.failures + 1, last_failure_at = excluded.last_failure_at, reason = excluded.reason,
       suppressed_at = case when excluded.suppressed_at is not null
                              or date_trunc('day', s.last_failure_at) < date_trunc('day', excluded.last_failure_at)
                            then excluded.last_failure_at end
 where s.suppressed_at is null
