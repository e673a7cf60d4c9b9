select coalesce(s.ssl, false)::int as encrypted, s.version, s.cipher,
       (inet_client_addr() is null or inet_client_addr() <<= inet '127.0.0.0/8' or inet_client_addr() = inet '::1')::int
           as is_local
  from pg_stat_ssl s
 where s.pid = pg_backend_pid()
