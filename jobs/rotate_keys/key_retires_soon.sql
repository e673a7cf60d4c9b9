-- KEY-RETIRES-SOON, standing: a predecessor's overlap ends within three days.
select o.key_id, '' as detail, case when o.retire_at <= keyrota.instant(:as_of) + interval '1 day' then 3 else 2 end as severity,
       null::text as action, o.retire_at as due_at,
       jsonb_build_object('successor_id', o.successor_id, 'last_used_at_us', keyrota.micros(o.last_used_at),
                          'successor_last_used_at_us', keyrota.micros(o.successor_last_used_at)) as evidence
  from keyrota.overlap o
 where o.retire_at > keyrota.instant(:as_of) and o.retire_at <= keyrota.instant(:as_of) + interval '3 days'
