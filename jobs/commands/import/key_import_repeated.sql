-- Lines whose external_id an earlier line has, or another key of the same line.
select i.line, i.external_id, first.line as first_line, count(*) over () as total
  from (select external_id, min(line) as line, (array_agg(line order by line))[2] as second
          from pg_temp.key_import group by external_id having count(*) > 1) first
  join pg_temp.key_import i on i.external_id = first.external_id
 where i.line > first.line or first.second = first.line
 order by i.line
 limit :most
