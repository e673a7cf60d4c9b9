-- Findings and what people say about them.

create table keyrota.finding (
    key_id bigint not null,  -- 0: about the runner itself
    uid text not null,       -- keyrota.finding_uid(check_id, key_id, detail)
    check_id text not null,
    detail text not null default '',
    episode integer not null default 1,
    status text not null check (status in ('open', 'acknowledged', 'waived', 'resolved')),
    resolution text check (resolution in ('absence', 'acted', 'by hand')),
    severity smallint not null check (severity between 1 and 5),
    due_at timestamptz,
    evidence jsonb not null default '{}',
    opened_at timestamptz not null,  -- this episode
    changed_at timestamptz not null,
    resolved_at timestamptz,
    run_id bigint not null,          -- that wrote the row last; 0: a person did
    decided_by text,                 -- who acknowledged or resolved this episode by hand, when and why
    decided_at timestamptz,
    decided_why text,
    primary key (key_id, uid),
    check ((status = 'resolved') = (resolution is not null)),
    check ((status = 'resolved') = (resolved_at is not null))
) with (fillfactor = 85);
-- No index on uid alone: it is a hash, and each new finding would touch another page of it. `findings show` scans.
create index finding_unresolved_idx on keyrota.finding (check_id, key_id) where status <> 'resolved';
-- The few that must never be an estimate (`status`).
create index finding_critical_idx on keyrota.finding (key_id) where status <> 'resolved' and severity = 5;

-- What a finding was in its earlier episodes.
create table keyrota.finding_episode (
    key_id bigint not null,
    uid text not null,
    episode integer not null,
    severity smallint not null,
    due_at timestamptz,
    opened_at timestamptz not null,
    resolved_at timestamptz not null,
    resolution text not null,
    decided_by text,
    decided_at timestamptz,
    decided_why text,
    run_id bigint not null,
    primary key (key_id, uid, episode)
);

-- Whoever opens the next episode need not know that the one before is kept, and that nobody has decided on the new one.
create function keyrota.finding_next_episode() returns trigger language plpgsql as $$
begin
    insert into keyrota.finding_episode (key_id, uid, episode, severity, due_at, opened_at, resolved_at, resolution,
                                         decided_by, decided_at, decided_why, run_id)
    values (old.key_id, old.uid, old.episode, old.severity, old.due_at, old.opened_at, old.resolved_at, old.resolution,
            old.decided_by, old.decided_at, old.decided_why, old.run_id);
    new.decided_by := null;
    new.decided_at := null;
    new.decided_why := null;
    return new;
end $$;
create trigger finding_next_episode before update on keyrota.finding
    for each row when (new.episode > old.episode) execute function keyrota.finding_next_episode();

create table keyrota.waiver (
    waiver_id bigint generated always as identity primary key,
    name text not null unique,
    checks text[] not null,
    match jsonb not null,
    except_match jsonb,
    reason text not null check (reason <> ''),
    requested_by text not null,
    approved_by text not null check (approved_by <> requested_by),
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    ended_at timestamptz
);

-- An owner's or a key's own thresholds and mail wishes for a check; key_id 0: the owner's, for all its keys.
create table keyrota.alert_setting (
    key_id bigint not null default 0,
    owner_id bigint not null default 0,
    check_id text not null,
    settings jsonb not null,
    updated_at timestamptz not null default now(),
    primary key (key_id, owner_id, check_id),
    check ((key_id = 0) <> (owner_id = 0))
);

-- One rotation of one key (key_id: the predecessor), from request to retirement.
create table keyrota.rotation (
    key_id bigint not null,
    token uuid not null,  -- makes every step and the sink idempotent
    successor_id bigint,
    reason text not null check (reason in ('scheduled', 'breach', 'leaver', 'manual')),
    state text not null
        check (state in ('requested', 'created', 'delivered', 'verified', 'retiring', 'retired', 'failed', 'cancelled')),
    sink text,
    overlap interval,
    tries integer not null default 0,
    retry_at timestamptz,
    failure text,
    requested_at timestamptz not null default now(),
    changed_at timestamptz not null default now(),
    primary key (key_id, token)
);
