-- What everything below speaks: instants as microseconds, the identity of a finding, and the installation itself.
-- The schema keyrota itself is made by `keyrota db init`.

-- Instants travel as bigint microseconds since 1970 (a driver's time type would lose them). A day counts 24 h and the
-- session is in UTC, so plain SQL inlines this and an index on a timestamptz column is still used. In two parts, since
-- an interval is multiplied in double precision: the whole in one would be off by a microsecond from the year 2255.
create function keyrota.instant(us bigint) returns timestamptz
    language sql stable strict parallel safe
    return timestamptz 'epoch' + us / 3600000000 * interval '1 hour' + us % 3600000000 * interval '1 microsecond';

create function keyrota.micros(t timestamptz) returns bigint
    language sql stable strict parallel safe
    return (extract(epoch from t) * 1000000)::bigint;

-- sum() of bigint, in bigint: sum() itself counts in numeric, which makes a group six times as large and a pass over
-- millions of them half as fast again. Over nothing it is 0; past the end of bigint it fails.
create aggregate keyrota.total(bigint) (sfunc = int8pl, stype = bigint, combinefunc = int8pl, initcond = '0', parallel = safe);

-- Identity of a finding: no date and no count in it, fields length-prefixed so that no two triples share one text.
create function keyrota.finding_uid(check_id text, key_id bigint, detail text) returns text
    language sql stable strict parallel safe
    return 'kf_' || left(encode(sha256(convert_to(
        octet_length(check_id) || ':' || check_id || octet_length(key_id::text) || ':' || key_id
        || octet_length(detail) || ':' || detail, 'UTF8')), 'hex'), 32);

-- The timeline that the server writes now. The control file has that of the last checkpoint, which is the old one for some
-- minutes after a failover; on a standby it is the only one to be had.
create function keyrota.current_timeline() returns integer
    language sql volatile
    return case when pg_is_in_recovery() then (select timeline_id from pg_control_checkpoint())
                else ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::integer end;

-- One row: which installation this database belongs to, so that a copy or a restored backup is recognised.
create table keyrota.installation (
    only_row boolean primary key default true check (only_row),
    installation_uuid uuid not null,
    system_identifier bigint not null,
    timeline_id integer not null,               -- with the two others: the database that the last run saw
    last_xid xid8 not null,
    simulation boolean not null default false,  -- may travel with --as-of; never a real key database
    signing_public_key text not null,           -- Ed25519, PEM; the private half stays on the runner's host
    policy_hash text,                           -- of the rules that every api_key.policy_rule_id reflects
    installed_at timestamptz not null default now()
);
