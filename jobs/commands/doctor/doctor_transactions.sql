-- Transactions of any database that are open for more than an hour, prepared ones too. What other roles do, and
-- that theirs is a client's backend, is hidden from one without pg_read_all_stats; prepared transactions are not.
select count(*) filter (where is_old) as old, count(*) filter (where is_hidden) as hidden,
       coalesce(string_agg(name, ', ' order by name) filter (where is_old), '') as old_names
  from (select format('process %s in %s', pid, datname) as name,
               coalesce(xact_start < clock_timestamp() - interval '1 hour', false) as is_old,
               coalesce(query = '<insufficient privilege>', false) as is_hidden
          from pg_stat_activity
         where datid is not null and coalesce(backend_type, 'client backend') = 'client backend' and pid <> pg_backend_pid()
        union all
        select format('prepared %s in %s', gid, database), prepared < clock_timestamp() - interval '1 hour', false
          from pg_prepared_xacts) open
