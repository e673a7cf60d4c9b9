-- What a gateway says to the database: two statements, prepared once a connection. docs/gateway.md explains them.
-- Role: keyrota_gateway, or a login of your own that is a member of it. Autocommit: now() is the start of a transaction.

-- $1: SHA-256 of the whole secret, 32 bytes. No row: nobody has such a key. A row that is not valid: refuse the call, and
-- count it, so that its owner is told. Two index lookups by equality; waits for no job, whatever it holds locked.
prepare keyrota_look_up (bytea) as
select k.key_id,
       s.status = 'active' and (s.expires_at is null or s.expires_at > now()) as valid,
       s.expires_at,
       k.type,
       k.environment,
       k.scopes,
       coalesce(k.rate_limit_per_minute, p.requests_per_minute) as limit_per_minute  -- null: none is agreed
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.service_plan p on p.service_plan_id = k.service_plan_id
 where k.key_id = (select key_id from keyrota.api_key_secret where secret_hash = $1);

-- One call, or all calls of one key, minute, gateway, scope, network, auth and browser: both add up to the same.
-- $2 is when it was; when it arrived, and in which transaction, only the database says.
prepare keyrota_append (bigint, timestamptz, text, integer, integer, integer, integer, text, cidr, text, boolean) as
insert into keyrota.usage_sample
       (key_id, at, gateway, requests, client_errors, server_errors, rate_limited, scope, network, auth, browser)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11);
