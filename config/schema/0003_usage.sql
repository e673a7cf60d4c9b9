-- Usage: what gateways append, and what is made of it.

create table keyrota.usage_gateway (
    name text primary key,
    expected boolean not null default true,  -- its silence means: usage unknown, not unused
    last_seen_at timestamptz,                -- up to when it has reported: the newest of its samples, none in the future
    since_at timestamptz                     -- when its first sample arrived
);

-- Append-only and additive: one row per request, or one per key, minute, gateway, scope, network, auth and browser.
-- Partitioned by arrival, so that `at` (data, perhaps late or wrong) always has a home. No default partition: one could
-- not be detached concurrently beside it. xid is what makes a rollup count every committed row exactly once.
create table keyrota.usage_sample (
    key_id bigint not null,
    at timestamptz not null check (isfinite(at)),
    gateway text not null,
    requests integer not null check (requests > 0),  -- every call, refused ones too
    client_errors integer not null default 0 check (client_errors >= 0),  -- 4xx without 429
    server_errors integer not null default 0 check (server_errors >= 0),
    rate_limited integer not null default 0 check (rate_limited >= 0),    -- 429
    scope text,
    network cidr,                                    -- /24, /48
    auth text not null default 'header' check (auth in ('header', 'query')),
    browser boolean not null default false,
    received_at timestamptz not null default now(),
    xid bigint not null default pg_current_xact_id()::text::bigint,  -- bigint: xid8 has no BRIN index
    check (client_errors::bigint + server_errors + rate_limited <= requests)
) partition by range (received_at);
-- Both grow with the rows, so a few kilobytes say where the new ones are, however many there are before them.
create index usage_sample_xid_received_at_idx on keyrota.usage_sample using brin (xid, received_at)
    with (pages_per_range = 32, autosummarize = on);

-- Daily partitions up to `ahead` days from today (UTC). Runs as its owner: the runner may call it, not create tables.
create function keyrota.make_sample_partitions(ahead integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    day date;
    made integer := 0;
begin
    for day in select generate_series(current_date, current_date + ahead, '1 day')::date loop
        if to_regclass(format('keyrota.usage_sample_%s', to_char(day, 'YYYYMMDD'))) is null then
            -- Made apart and then attached: that waits for no gateway and makes none wait.
            execute format('create table keyrota.usage_sample_%s
                              (like keyrota.usage_sample including defaults including constraints)',
                           to_char(day, 'YYYYMMDD'));
            execute format('alter table keyrota.usage_sample attach partition keyrota.usage_sample_%s
                              for values from (%L) to (%L)',
                           to_char(day, 'YYYYMMDD'), day || ' 00:00+00', (day + 1) || ' 00:00+00');
            made := made + 1;
        end if;
    end loop;
    return made;
end $$;
revoke execute on function keyrota.make_sample_partitions(integer) from public;
select keyrota.make_sample_partitions(60);

-- Frees what arrived before that day (UTC) and is rolled up, and returns how many partitions it freed. Nobody writes to
-- them any more, so truncating one makes no gateway wait; taking the empty one away would, for a moment, and is only done
-- where nobody is at work in that moment. One that somebody still has locked is left.
create function keyrota.free_sample_partitions(before date) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    watermark bigint := (select xid from keyrota.usage_watermark);
    part regclass;
    is_used boolean;
    is_waiting boolean;
    freed integer := 0;
begin
    for part in
        select c.oid::regclass from pg_inherits i join pg_class c on c.oid = i.inhrelid
         where i.inhparent = 'keyrota.usage_sample'::regclass
           and c.relname < 'usage_sample_' || to_char(before, 'YYYYMMDD')
         order by c.relname
    loop
        begin
            execute format('lock table %s in access exclusive mode nowait', part);
            execute format('select exists (select from %s), exists (select from %1$s where xid >= $1)', part)
               into is_used, is_waiting using watermark;
            continue when is_waiting;
            if is_used then
                execute format('truncate %s', part);
                freed := freed + 1;
            end if;
        exception when lock_not_available then
            continue;
        end;
        begin
            lock table keyrota.usage_sample in access exclusive mode nowait;
            execute format('drop table %s', part);
        exception when lock_not_available then
            null;
        end;
    end loop;
    return freed;
end $$;
revoke execute on function keyrota.free_sample_partitions(date) from public;

create table keyrota.usage_hour (
    key_id bigint not null,
    hour timestamptz not null,
    requests bigint not null default 0,
    client_errors bigint not null default 0,
    server_errors bigint not null default 0,
    rate_limited bigint not null default 0,
    peak_minute bigint,  -- with its instant computed once, when the hour closes
    peak_minute_at timestamptz,
    query_auth bigint not null default 0,
    browser_requests bigint not null default 0,
    late_requests bigint not null default 0,  -- late_*: inside the sums above, unseen by the detector
    late_client_errors bigint not null default 0,
    late_server_errors bigint not null default 0,
    late_rate_limited bigint not null default 0,
    primary key (key_id, hour)
) partition by range (hour);
create table keyrota.usage_hour_default partition of keyrota.usage_hour default;  -- absurd stamps
-- Hours come about in order, so a few kilobytes say where the newest are; hour never changes, so updates stay HOT.
create index usage_hour_hour_idx on keyrota.usage_hour using brin (hour) with (pages_per_range = 32, autosummarize = on);

-- Monthly partitions from this month (UTC) up to `ahead` more. What a gateway's clock brought into the default one too
-- early moves over. An hour is updated with each rollup until it is over, so its pages have room for that.
create function keyrota.make_hour_partitions(ahead integer) returns integer
    language plpgsql security definer set search_path = pg_catalog, pg_temp as $$
declare
    month date;
    part text;
    made integer := 0;
begin
    for month in select generate_series(date_trunc('month', current_date),
                                        date_trunc('month', current_date) + ahead * interval '1 month', '1 month')::date loop
        part := format('keyrota.usage_hour_%s', to_char(month, 'YYYYMM'));
        continue when to_regclass(part) is not null;
        execute format('create table %s (like keyrota.usage_hour including defaults including constraints)
                          with (fillfactor = 70)', part);
        execute format('with early as (delete from keyrota.usage_hour_default where hour >= %L and hour < %L returning *)
                        insert into %s select * from early',
                       month || ' 00:00+00', (month + interval '1 month')::date || ' 00:00+00', part);
        execute format('alter table keyrota.usage_hour attach partition %s for values from (%L) to (%L)',
                       part, month || ' 00:00+00', (month + interval '1 month')::date || ' 00:00+00');
        made := made + 1;
    end loop;
    return made;
end $$;
revoke execute on function keyrota.make_hour_partitions(integer) from public;
select keyrota.make_hour_partitions(2);

-- Hours that are not closed and have samples, with the arrival of the first of these: from there on the samples are read
-- again when the hour closes.
create table keyrota.usage_open_hour (
    hour timestamptz primary key,
    first_received_at timestamptz not null
);

create table keyrota.usage_scope (
    key_id bigint not null,
    scope text not null,
    last_used_at timestamptz not null,
    primary key (key_id, scope)
);

create table keyrota.usage_network (
    key_id bigint not null,
    network text not null,  -- a /24 or /48, or `other` past the cap
    first_seen_at timestamptz not null,
    last_seen_at timestamptz not null,
    first_hour_requests bigint not null default 0,
    primary key (key_id, network)
);
create index usage_network_first_seen_at_idx on keyrota.usage_network (first_seen_at);  -- the new ones of a day

-- What the anomaly detector remembers of a key. The hours that `state` has seen are in it, so that none counts twice.
create table keyrota.detector_state (
    key_id bigint primary key references keyrota.api_key on delete cascade,
    state bytea not null,               -- packed, its format's version first: common/anomaly/detector_state.h
    last_hour_at timestamptz not null,  -- the newest hour that was applied
    last_alarm_at timestamptz,          -- the newest hour with an alarm, told or not; null: none yet
    next_due_at timestamptz             -- the hour in which silence alone would alarm, or is to be looked at; null: frozen
) with (fillfactor = 80);
create index detector_state_next_due_at_idx on keyrota.detector_state (next_due_at) where next_due_at is not null;

-- How far the detector came; one row, moved when all keys of a run have been seen.
create table keyrota.detector_position (
    only_row boolean primary key default true check (only_row),
    judged_until timestamptz,  -- hours before it; null: none yet
    built_from timestamptz     -- a state that is made anew sees no hour before it; null: all there are
);
insert into keyrota.detector_position default values;

-- Incidents that opened in an hour, over all keys. One that is held is told to the operator, not to each owner.
create table keyrota.anomaly_gate (
    check_id text not null,
    hour timestamptz not null,
    alarms bigint not null,
    judged_at timestamptz,  -- null: the run that counted them is not through
    is_held boolean not null default false,
    usual float8,           -- an hour, when it was judged
    keys bigint,            -- that there were; null: too few alarms to ask
    primary key (check_id, hour)
);
create table keyrota.anomaly_usual (
    check_id text primary key,
    per_hour float8 not null,  -- fading mean of alarms
    until_at timestamptz not null
);

-- Hours of which usage is unknown to every check.
create table keyrota.usage_gap (
    usage_gap_id bigint generated always as identity primary key,
    from_at timestamptz not null,
    to_at timestamptz not null check (to_at > from_at),
    gateway text,  -- null: all
    reason text not null check (reason <> '')
);

-- How long an expected gateway reported nothing (over usage.silent_after) before it was heard again, without bringing what was
-- missing. Where that is not its habit, the detector reads no silence of a key from it. Other checks do not look: a gateway that
-- nobody calls at night is silent, too.
create table keyrota.usage_silence (
    gateway text not null,
    from_at timestamptz not null,
    to_at timestamptz not null check (to_at > from_at),
    is_unusual boolean not null,  -- more than half as long again as any of the 60 days before
    primary key (gateway, from_at)
);

-- Instants and the transaction ids of the same moment: all samples that were written before taken_at have a smaller xid.
create table keyrota.usage_rollup (
    taken_at timestamptz primary key,
    snapshot_xmax bigint not null
);

-- How far the rollup came; one row, moved in the transaction that counts. Every committed sample with a smaller xid is
-- counted once, and no transaction with a smaller xid is still open; nothing from xid on is counted.
create table keyrota.usage_watermark (
    only_row boolean primary key default true check (only_row),
    xid bigint not null,
    system_identifier bigint not null,  -- the server whose transactions xid counts
    rolled_at timestamptz not null,     -- its clock when all before xid had ended
    complete_until timestamptz,         -- every sample that arrived before is counted; null: none yet
    closed_until timestamptz            -- hours before it are closed: their figures, but late_*, stay as they are
);
insert into keyrota.usage_watermark (xid, system_identifier, rolled_at)
select 0, system_identifier, clock_timestamp() from pg_control_system();

-- Coverage: since when usage is known without a break up to `until`; null where it is not known there. Unknown is never
-- to be read as unused. At the end `silence` (usage.silent_after) may be missing, of what a gateway reports and of the
-- rollup. It begins with the first sample of any gateway, or where the last gap before `until` ended. Known means here:
-- each expected gateway has reported, at least one has, and all that arrived is rolled up.
-- Checks that ask for many keys ask once: (select keyrota.usage_known_since(...) as since offset 0) beside the rows. Without the
-- offset the planner takes the subselect for a name and asks for each row, which cost 70 times the scan itself.
create function keyrota.usage_known_since(until timestamptz, silence interval default '6 hours') returns timestamptz
    language sql stable parallel safe
    return (select c.since_at
              from (select greatest(min(g.since_at), (select max(to_at) from keyrota.usage_gap where from_at < until))
                           as since_at
                      from keyrota.usage_gateway g
                    having min(g.since_at) is not null
                       and bool_and(not g.expected or coalesce(g.last_seen_at >= until - silence, false))) c
             where c.since_at < until
               and exists (select from keyrota.usage_watermark where complete_until >= until - silence));

-- Whether usage is known all through [since, until).
create function keyrota.usage_known(since timestamptz, until timestamptz, silence interval default '6 hours') returns boolean
    language sql stable parallel safe
    return coalesce(keyrota.usage_known_since(until, silence) <= since, false);

-- How far a gateway's logs were read, each known by its content and by nothing else: what it begins with, and what stands
-- right before the offset. So a log is the same one after it was renamed, copied, truncated beside its copy, or compressed
-- (offsets are of the content), and another one where its name or its inode is used again.
create table keyrota.ingest_position (
    ingest_position_id bigint generated always as identity primary key,
    beginning_hash text not null,       -- SHA-256 of the first beginning_length bytes
    beginning_length integer not null check (beginning_length > 0),  -- 4096 as soon as there are so many
    byte_offset bigint not null check (byte_offset >= 0),
    tail_hash text not null,            -- of the last bytes before the offset, 1024 at most
    file text not null,                 -- what it was called when it was last read: for people
    updated_at timestamptz not null default now()
);
create index ingest_position_beginning_idx on keyrota.ingest_position (beginning_length, beginning_hash);

-- What custom checks see (role keyrota_checker): no secret, no hash, no owner's name or address.
create view keyrota.checks_key as
select k.key_id, k.source, k.lineage_id, k.predecessor_id, k.owner_id, o.active as owner_active, t.name as team, k.name, k.type,
       k.environment, k.prefix, k.hint, k.scopes, p.name as service_plan,
       coalesce(k.rate_limit_per_minute, p.requests_per_minute) as limit_per_minute, k.created_at, s.status, s.expires_at,
       s.retire_at, s.deactivated_at, a.last_used_at, r.name as policy_rule
  from keyrota.api_key k
  join keyrota.api_key_state s on s.key_id = k.key_id
  left join keyrota.api_key_activity a on a.key_id = k.key_id
  left join keyrota.service_plan p on p.service_plan_id = k.service_plan_id
  left join keyrota.owner o on o.owner_id = k.owner_id
  left join keyrota.team t on t.team_id = o.team_id
  left join keyrota.policy_rule r on r.policy_rule_id = k.policy_rule_id;

create view keyrota.checks_usage_hour as
select key_id, hour, requests, client_errors, server_errors, rate_limited, peak_minute, peak_minute_at, query_auth,
       browser_requests
  from keyrota.usage_hour;

create view keyrota.checks_usage_scope as
select key_id, scope, last_used_at
  from keyrota.usage_scope;
