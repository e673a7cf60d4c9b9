-- Runs of jobs: who holds a job, what a run did, what it intends.

create table keyrota.job_run (
    run_id bigint generated always as identity primary key,
    job text not null,
    shard text not null default '1/1',
    as_of timestamptz not null,          -- the one instant of the whole run
    status text not null default 'running'
        check (status in ('running', 'done', 'partial', 'refused', 'failed', 'interrupted', 'planned')),
    complete boolean not null default false,  -- may move watermarks and resolve by absence
    exit_code integer,
    message text,                        -- what went wrong, in one line
    options jsonb not null default '{}',
    started_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    session_user_name text not null default session_user,
    os_user text not null,
    host text not null,
    process_id integer not null,
    program_version text not null,
    plan_digest text,                    -- planned: SHA-256 of the file that `keyrota plan` wrote
    applied_by_run_id bigint,            -- planned: the run that began to apply that file; a plan is applied once
    check ((status = 'planned') = (plan_digest is not null))
);
create index job_run_job_as_of_idx on keyrota.job_run (job, shard, as_of desc);

-- What one check did in one run, or one chore (housekeeping; found and planned: what was due), or one step (work in
-- batches of its own). The totals are written in the transaction of the batch that they count.
create table keyrota.run_check (
    run_id bigint not null,
    check_id text not null,
    -- approved: from a plan file; unknown: not judged, or only what is certain, for want of usage
    pass text not null check (pass in ('incremental', 'standing', 'approved', 'chore', 'step', 'unknown')),
    since_at timestamptz,  -- an incremental pass looks from here to as_of
    found_total bigint not null default 0,
    opened_total bigint not null default 0,
    changed_total bigint not null default 0,
    resolved_total bigint not null default 0,
    planned_total bigint not null default 0,   -- actions
    applied_total bigint not null default 0,
    drifted_total bigint not null default 0,
    refused_total bigint not null default 0,   -- by a guard
    failed_total bigint not null default 0,
    error text,
    primary key (run_id, check_id)
);

-- Who said, after a gap, a moved clock or a restored database, that a job may act again.
create table keyrota.job_resume (
    job text primary key,
    resumed_at timestamptz not null,
    resumed_by text not null
);

-- One run of a (job, shard) at a time. Each batch takes its row FOR KEY SHARE by token: a heartbeat (no key column)
-- passes, a takeover (new token) waits for the batch, and after it the old holder finds no row.
create sequence keyrota.lease_token_seq;
create table keyrota.job_lease (
    job text not null,
    shard text not null,
    token bigint not null unique,
    backend_pid integer not null,  -- of the connection that sends the heartbeat
    backend_start timestamptz not null,
    holder text not null,          -- user@host, process id: for people
    acquired_at timestamptz not null,
    expires_at timestamptz not null,
    primary key (job, shard)
);

-- Whether somebody is at work under it. backend_start is hidden from other roles: then the pid decides.
create function keyrota.lease_lives(lease keyrota.job_lease) returns boolean
    language sql volatile
    return lease.expires_at > clock_timestamp()
           and exists (select from pg_stat_activity a
                        where a.pid = lease.backend_pid
                          and (a.backend_start is null or a.backend_start = lease.backend_start));

-- What a run intends, difference by difference; emptied when the run closes. Unlogged: a killed run plans again.
create unlogged table keyrota.plan_item (
    run_id bigint not null,
    key_id bigint not null,
    check_id text not null,
    detail text not null default '',
    uid text not null,
    change text not null check (change in ('open', 'reopen', 'change', 'none', 'resolve')),
    severity smallint,
    action text,
    due_at timestamptz,
    evidence jsonb,
    waiver_id bigint,  -- the waiver that covers it: then no action, and the finding is waived
    primary key (run_id, key_id, check_id, detail)
);

-- A fresh plan has no statistics, and without them each batch joined all of it. Runs as its owner: only that may analyze.
-- An autovacuum that holds the table for longer than lock_timeout leaves the old statistics: slower, but no reason to fail.
create function keyrota.analyze_plan_item() returns void
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
begin
    analyze keyrota.plan_item;
exception when lock_not_available then
    null;
end $$;
revoke execute on function keyrota.analyze_plan_item() from public;
