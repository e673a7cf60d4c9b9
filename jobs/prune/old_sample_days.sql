-- Days of samples that arrived, all of them, before the retention. An empty one may still be there: nobody was absent.
select c.oid::bigint as id
  from pg_inherits i
  join pg_class c on c.oid = i.inhrelid
 where i.inhparent = 'keyrota.usage_sample'::regclass
   and c.relname < 'usage_sample_' || to_char(keyrota.instant(:before), 'YYYYMMDD')
