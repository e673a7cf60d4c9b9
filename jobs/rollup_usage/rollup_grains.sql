-- All samples of a stretch of transactions, read once, at the finest grain that anything below needs. An ordinary
-- CREATE TABLE AS, since that may use parallel workers. (date_bin costs a tenth of date_trunc, which asks for the time
-- zone.) What arrived by a clock that is ahead counts as used on arrival.
create temporary table usage_grain on commit drop as
select key_id, date_bin('1 hour', at, 'epoch') as hour, scope, network,
       sum(requests) as requests, sum(client_errors) as client_errors, sum(server_errors) as server_errors,
       sum(rate_limited) as rate_limited,
       coalesce(sum(requests) filter (where auth = 'query'), 0) as query_auth,
       coalesce(sum(requests) filter (where browser), 0) as browser_requests,
       min(least(at, received_at)) as first_at, max(least(at, received_at)) as last_at
  from keyrota.usage_sample
 where xid >= cast(:from as bigint) and xid < cast(:until as bigint)
 group by 1, 2, 3, 4
