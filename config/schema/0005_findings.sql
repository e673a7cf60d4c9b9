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
    waiver_id bigint,                -- waived: by which (none: by hand); else the one that is over
    decided_by text,                 -- who acknowledged or resolved this episode by hand, when and why; or that a waiver is over
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

-- The few whose waiver may be over.
create index finding_waived_idx on keyrota.finding (check_id, key_id) where status = 'waived';

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

-- Globs as patterns for LIKE.
create function keyrota.like_patterns(globs text[]) returns text[]
    language sql immutable parallel safe
    return (select array_agg(translate(regexp_replace(glob, '([\\%_])', '\\\1', 'g'), '*?', '%_'))
              from unnest(globs) glob);

-- Time-limited exceptions: findings of these checks on these keys are `waived`. In force: not ended, expires_at still ahead.
-- A kind of match that is null was not given; all kinds that are given must hold, and one must be. Texts are as people
-- wrote them, but for owners: addresses in lower case.
create table keyrota.waiver (
    waiver_id bigint generated always as identity primary key,
    name text not null,
    source text not null check (source in ('command', 'file')),  -- either leaves the other's alone
    checks text[] not null check (cardinality(checks) > 0),
    check (not checks && '{KEY-EXPIRED,KEY-BREACHED,KEY-ROTATED,KEY-ROTATION-FAILED}'),  -- whoever writes it
    teams text[] check (cardinality(teams) > 0),
    owners text[] check (cardinality(owners) > 0),
    environments text[] check (cardinality(environments) > 0),
    names text[] check (cardinality(names) > 0),  -- of keys; * and ? as in a glob
    key_ids bigint[] check (cardinality(key_ids) > 0),
    except_teams text[] check (cardinality(except_teams) > 0),
    except_owners text[] check (cardinality(except_owners) > 0),
    except_environments text[] check (cardinality(except_environments) > 0),
    except_names text[] check (cardinality(except_names) > 0),
    except_key_ids bigint[] check (cardinality(except_key_ids) > 0),
    reason text not null check (reason <> ''),
    requested_by text not null check (requested_by <> ''),
    approved_by text not null check (approved_by <> ''),
    created_at timestamptz not null,
    expires_at timestamptz not null check (isfinite(expires_at)),
    ended_at timestamptz,  -- before its time, or when another took its name
    ended_why text,
    patterns text[] generated always as (keyrota.like_patterns(names)) stored,
    except_patterns text[] generated always as (keyrota.like_patterns(except_names)) stored,
    check (lower(approved_by) <> lower(requested_by)),
    check (num_nonnulls(teams, owners, environments, names, key_ids) > 0),
    check ((ended_at is null) = (ended_why is null))
);
create unique index waiver_name_idx on keyrota.waiver (name) where ended_at is null;

-- Which keys each waiver is for, in force or not.
create view keyrota.waiver_key as
select w.waiver_id, k.key_id
  from keyrota.waiver w
 cross join keyrota.api_key k
  left join keyrota.owner o on o.owner_id = k.owner_id
  left join keyrota.team t on t.team_id = o.team_id
 where (w.key_ids is null or k.key_id = any (w.key_ids))
   and (w.environments is null or k.environment = any (w.environments))
   and (w.names is null or k.name like any (w.patterns))
   and (w.owners is null or lower(o.email) = any (w.owners))
   and (w.teams is null or t.name = any (w.teams))
   and not coalesce(num_nonnulls(w.except_teams, w.except_owners, w.except_environments, w.except_names,
                                 w.except_key_ids) > 0
                    and (w.except_key_ids is null or k.key_id = any (w.except_key_ids))
                    and (w.except_environments is null or k.environment = any (w.except_environments))
                    and (w.except_names is null or k.name like any (w.except_patterns))
                    and (w.except_owners is null or lower(o.email) = any (w.except_owners))
                    and (w.except_teams is null or t.name = any (w.except_teams)), false);

-- The keys on which a check is waived at an instant, and by which waivers. Pairs, so that a join reaches into it: whoever
-- wants one waiver a key takes the one that lasts longest.
create function keyrota.waived_keys(check_id text, as_of timestamptz)
    returns table (key_id bigint, waiver_id bigint, expires_at timestamptz)
    language sql stable parallel safe as $$
    select v.key_id, w.waiver_id, w.expires_at
      from keyrota.waiver w
      join keyrota.waiver_key v on v.waiver_id = w.waiver_id
     where w.ended_at is null and w.expires_at > waived_keys.as_of and waived_keys.check_id = any (w.checks)
$$;

-- What remains to be said on a finding when its waiver is over.
create function keyrota.waiver_is_over(waiver_id bigint, as_of timestamptz) returns text
    language sql stable parallel safe
    return (select 'was waived (' || w.name || ', approved by ' || w.approved_by || '): ' || w.reason
                   || case when w.ended_at is not null then '; ended: ' || w.ended_why
                           when w.expires_at <= waiver_is_over.as_of
                               then '; expired ' || to_char(w.expires_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
                           else '; it covers this no longer' end
              from keyrota.waiver w where w.waiver_id = waiver_is_over.waiver_id);

-- What a waiver is, as the file and people say it: two are alike where this is.
create function keyrota.waiver_definition(w keyrota.waiver) returns jsonb
    language sql stable parallel safe
    return jsonb_strip_nulls(to_jsonb(w)
                             - array['waiver_id', 'source', 'created_at', 'ended_at', 'ended_why', 'patterns', 'except_patterns']);

-- The same as the audit trail keeps it: owners by number. requested_by and approved_by are what people wrote.
create function keyrota.waiver_record(w keyrota.waiver) returns jsonb
    language sql stable parallel safe
    return jsonb_strip_nulls(
        keyrota.waiver_definition(w) - array['owners', 'except_owners', 'expires_at']
        || jsonb_build_object(
            'waiver_id', w.waiver_id, 'source', w.source, 'expires_at_us', keyrota.micros(w.expires_at),
            'ended_at_us', keyrota.micros(w.ended_at),
            'owner_ids', case when w.owners is not null then
                (select coalesce(jsonb_agg(o.owner_id order by o.owner_id), '[]')
                   from keyrota.owner o where lower(o.email) = any (w.owners)) end,
            'except_owner_ids', case when w.except_owners is not null then
                (select coalesce(jsonb_agg(o.owner_id order by o.owner_id), '[]')
                   from keyrota.owner o where lower(o.email) = any (w.except_owners)) end));

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

-- A threshold as it holds for a key: the key's own, else its owner's, else its policy rule's.
create function keyrota.alert_threshold(name text, of_key jsonb, of_owner jsonb, of_rule bigint) returns bigint
    language sql immutable parallel safe
    return coalesce((of_key ->> name)::bigint, (of_owner ->> name)::bigint, of_rule);

-- One rotation of one key (key_id: the predecessor), from request to retirement. Whoever changes one holds its key's lock.
create table keyrota.rotation (
    key_id bigint not null,
    token uuid not null,  -- makes every step and the sink idempotent
    successor_id bigint,
    -- Made at tries of which nobody knows whether the sink has their secret; they end once another is delivered.
    earlier_successor_ids bigint[] not null default '{}',
    reason text not null check (reason in ('scheduled', 'breach', 'leaver', 'manual')),
    state text not null
        check (state in ('requested', 'created', 'delivered', 'verified', 'retiring', 'retired', 'failed', 'cancelled')),
    sink text,                           -- by its name in the configuration; print: by hand, on a terminal
    overlap interval not null default '0',
    held boolean not null default false, -- by hand: nothing moves it on
    tries integer not null default 0,
    retry_at timestamptz,
    failure text,                        -- why the last try failed, or why it came to nothing
    predecessor_expires_at timestamptz,  -- before the rotation began: what cancelling it gives back
    claimed_pid integer,                 -- the connection that is delivering it
    claimed_start timestamptz,
    requested_at timestamptz not null default now(),
    delivered_at timestamptz,
    changed_at timestamptz not null default now(),
    primary key (key_id, token)
);
-- A key has one rotation at a time.
create unique index rotation_unfinished_idx on keyrota.rotation (key_id) where state not in ('retired', 'cancelled');

-- Whether the connection that delivers it is still there; as keyrota.lease_lives.
create function keyrota.rotation_is_claimed(r keyrota.rotation) returns boolean
    language sql volatile
    return r.claimed_pid is not null
           and exists (select from pg_stat_activity a
                        where a.pid = r.claimed_pid and a.pid <> pg_backend_pid()
                          and (a.backend_start is null or a.backend_start = r.claimed_start));

-- A rotation as the audit trail keeps it.
create function keyrota.rotation_record(r keyrota.rotation) returns jsonb
    language sql stable parallel safe
    return jsonb_build_object(
        'token', r.token, 'successor_id', r.successor_id, 'earlier_successor_ids', to_jsonb(r.earlier_successor_ids),
        'reason', r.reason, 'state', r.state, 'sink', r.sink,
        'overlap_us', (extract(epoch from r.overlap) * 1000000)::bigint, 'held', r.held, 'tries', r.tries,
        'retry_at_us', keyrota.micros(r.retry_at), 'failure', r.failure,
        'predecessor_expires_at_us', keyrota.micros(r.predecessor_expires_at),
        'requested_at_us', keyrota.micros(r.requested_at), 'delivered_at_us', keyrota.micros(r.delivered_at));

-- Predecessors in their overlap, with all that its end is judged by.
create view keyrota.overlap as
select r.key_id, r.token, r.successor_id, r.reason, r.state, r.held, s.retire_at, a.last_used_at,
       p.rotation_silence_after as silence_after, p.rotation_still_used as still_used, p.usage_unused_after as unused_after,
       successor_state.status = 'active' as successor_is_active, successor_state.expires_at as successor_expires_at,
       successor_activity.last_used_at as successor_last_used_at,
       exists (select from keyrota.rotation n
                where n.key_id = r.successor_id and n.delivered_at is not null and n.state <> 'cancelled') as successor_was_replaced
  from keyrota.rotation r
  join keyrota.api_key k on k.key_id = r.key_id
  join keyrota.api_key_state s on s.key_id = r.key_id
  join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
  left join keyrota.api_key_activity a on a.key_id = r.key_id
  left join keyrota.api_key_state successor_state on successor_state.key_id = r.successor_id
  left join keyrota.api_key_activity successor_activity on successor_activity.key_id = r.successor_id
 where r.state in ('delivered', 'verified', 'retiring') and s.status <> 'expired' and s.retire_at is not null;

-- Whether something works in a predecessor's place: its successor, or what took that one's place in turn.
create function keyrota.overlap_has_successor(o keyrota.overlap, as_of timestamptz) returns boolean
    language sql immutable parallel safe
    return o.successor_was_replaced
           or (coalesce(o.successor_is_active, false) and coalesce(o.successor_expires_at > as_of, true));

-- Up to when usage is known: nothing of what comes after can count as silence.
create function keyrota.usage_known_until(as_of timestamptz) returns timestamptz
    language sql stable parallel safe
    return least(as_of, (select min(last_seen_at) from keyrota.usage_gateway where expected),
                 (select complete_until from keyrota.usage_watermark));

-- Whether a predecessor can be retired: its time has come, its successor works, and either the policy does not wait for
-- more, or usage is known and says that the successor is in use and the predecessor silent (or, where nobody ever used the
-- successor, that the predecessor is as unused as a key can be).
create function keyrota.overlap_is_over(o keyrota.overlap, as_of timestamptz, known_since timestamptz, known_until timestamptz)
    returns boolean language sql immutable parallel safe
    return not o.held and o.retire_at <= as_of and keyrota.overlap_has_successor(o, as_of)
           and (o.still_used = 'retire'
                or (coalesce(known_since <= known_until - o.silence_after, false)
                    and coalesce(o.last_used_at <= known_until - o.silence_after, true)
                    and o.successor_last_used_at is not null)
                or (coalesce(known_since <= known_until - o.unused_after, false)
                    and coalesce(o.last_used_at <= known_until - o.unused_after, true)));
