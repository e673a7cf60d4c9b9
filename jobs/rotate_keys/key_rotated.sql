-- KEY-ROTATED, standing: a successor has a predecessor's place, and the predecessor is in its overlap. Whether that is over,
-- keyrota.overlap_is_over says; the action asks it again.
select o.key_id, '' as detail, 1 as severity,
       case when keyrota.overlap_is_over(o, keyrota.instant(:as_of), known.since, known.until) then 'retire' end as action,
       o.retire_at as due_at,
       jsonb_build_object('successor_id', o.successor_id, 'reason', o.reason,
                          'retire_at_us', keyrota.micros(o.retire_at)) as evidence
  from keyrota.overlap o
 cross join (select keyrota.usage_known_since(keyrota.instant(:as_of),
                                              cast(:silent_after_us as bigint) * interval '1 microsecond') as since,
                    keyrota.usage_known_until(keyrota.instant(:as_of)) as until offset 0) known
