select check_id, count(*) as total from pg_temp.approved_item group by check_id order by check_id
