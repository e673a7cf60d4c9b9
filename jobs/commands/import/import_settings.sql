-- For this transaction alone. A file may take as long as it takes; a program that was killed is noticed although the server
-- is busy for it; sorts of millions of rows are given some room.
select set_config('statement_timeout', '0', true), set_config('idle_in_transaction_session_timeout', '0', true),
       set_config('client_connection_check_interval', '1s', true), set_config('work_mem', '128MB', true),
       set_config('jit', 'off', true)
