-- WAIVER-EXPIRING, standing: a waiver in force that ends within 14 days; when it has ended its findings speak for themselves.
-- due_at is its end, by which the operator is reminded 14 and 3 days before.
select 0::bigint as key_id, w.name as detail, 1 as severity, null::text as action, w.expires_at as due_at,
       jsonb_build_object('waiver', w.name, 'expires_at_us', keyrota.micros(w.expires_at), 'approved_by', w.approved_by,
                          'reason', w.reason) as evidence
  from keyrota.waiver w
 where w.ended_at is null and w.expires_at > keyrota.instant(:as_of)
   and w.expires_at <= keyrota.instant(:as_of) + interval '14 days'
