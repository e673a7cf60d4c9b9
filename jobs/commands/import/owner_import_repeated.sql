select i.line, i.email, first.line as first_line, count(*) over () as total
  from (select lower(email) as email, min(line) as line, (array_agg(line order by line))[2] as second
          from pg_temp.owner_import group by 1 having count(*) > 1) first
  join pg_temp.owner_import i on lower(i.email) = first.email
 where i.line > first.line or first.second = first.line
 order by i.line
 limit :most
