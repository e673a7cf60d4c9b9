-- Networks that a key was called from, 256 a key at most, the rest as `other`; finer ones are masked to /24 and /48. What
-- would move by less than an hour stays as it is, but for the requests of a network's first hour. What a key has already is
-- counted as in rollup_scopes.
with used as (
    select key_id, network as given,
           (case when masklen(network) > case family(network) when 4 then 24 else 48 end
                 then set_masklen(network, case family(network) when 4 then 24 else 48 end) else network end)::text
               as network, first_at, last_at
      from (select key_id, network, min(first_at) as first_at, max(last_at) as last_at
              from pg_temp.usage_grain where network is not null group by key_id, network) g
), changed as (
    select u.*, w.key_id is null as is_new, w.first_seen_at
      from used u
      left join keyrota.usage_network w on w.key_id = u.key_id and w.network = u.network
     where w.key_id is null or u.last_at > w.last_seen_at + interval '1 hour'
        or w.first_seen_at >= date_bin('1 hour', u.first_at, 'epoch')
), merged as (
    select c.key_id, c.network, c.is_new, min(c.first_at) as first_at, max(c.last_at) as last_at,
           coalesce(sum(g.requests), 0) as requests
      from changed c
      left join pg_temp.usage_grain g on g.key_id = c.key_id and g.network = c.given
                                     and g.hour = date_bin('1 hour', coalesce(c.first_seen_at, c.first_at), 'epoch')
     group by c.key_id, c.network, c.is_new
), had as materialized (
    select key_id, count(*) as total from keyrota.usage_network
     where network <> 'other' and key_id in (select key_id from merged where is_new) group by key_id
), placed as (
    select m.*, case when m.is_new then row_number() over (partition by m.key_id, m.is_new order by m.first_at, m.network)
                                        + coalesce(h.total, 0) end as place
      from merged m
      left join had h on h.key_id = m.key_id
)
insert into keyrota.usage_network as w (key_id, network, first_seen_at, last_seen_at, first_hour_requests)
select key_id, case when place > 256 then 'other' else network end as network, min(first_at), max(last_at),
       sum(case when place > 256 then 0 else requests end)
  from placed
 group by 1, 2
 order by 1, 2
    on conflict (key_id, network) do update
   set last_seen_at = greatest(w.last_seen_at, excluded.last_seen_at),
       first_hour_requests = w.first_hour_requests + excluded.first_hour_requests
