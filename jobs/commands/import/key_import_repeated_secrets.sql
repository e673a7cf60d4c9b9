-- Lines whose secret an earlier line has, or another key of the same line.
select i.line, first.line as first_line, count(*) over () as total
  from (select secret_hash, min(line) as line, (array_agg(line order by line))[2] as second
          from pg_temp.key_import where secret_hash is not null group by secret_hash having count(*) > 1) first
  join pg_temp.key_import i on i.secret_hash = first.secret_hash
 where i.line > first.line or first.second = first.line
 order by i.line
 limit :most
