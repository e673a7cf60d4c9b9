-- The file's waivers against the table's: what ends comes first, since another may take its name.
select 'end' as kind, l.name, l.waiver_id, keyrota.waiver_record(l)::text as record,
       case l.source when 'file' then 'it is no longer in the file' else 'it expired' end as ended_why
  from keyrota.waiver l
  left join jsonb_populate_recordset(null::keyrota.waiver, cast(:wanted as jsonb)) w on w.name = l.name
 where l.ended_at is null
   and case l.source when 'file' then w.name is null
                     else l.expires_at <= keyrota.instant(:at) and w.name is not null end
union all
select case when l.waiver_id is null then 'add' when l.source = 'file' then 'change' else 'taken' end, w.name, l.waiver_id,
       case when l.waiver_id is not null then keyrota.waiver_record(l)::text end, null
  from jsonb_populate_recordset(null::keyrota.waiver, cast(:wanted as jsonb)) w
  left join keyrota.waiver l on l.name = w.name and l.ended_at is null
                                and (l.source = 'file' or l.expires_at > keyrota.instant(:at))
 where l.waiver_id is null or l.source = 'command' or keyrota.waiver_definition(l) <> keyrota.waiver_definition(w)
 order by kind desc, name
