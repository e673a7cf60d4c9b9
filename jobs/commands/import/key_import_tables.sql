-- What a file says and what follows from it. Gone with the transaction, whatever its end; written without WAL.
create temp table key_import (
    line bigint not null,
    external_id text not null,
    name text not null,
    owner_email text not null,
    type text not null,
    environment text not null,
    prefix text,             -- from here on null: the file does not say
    hint text,
    scopes text[],
    service_plan_id bigint,
    created_at timestamptz,
    expires_at timestamptz,
    status text not null,
    secret_hash bytea
) on commit drop;
create temp table key_import_owner (
    email text primary key,  -- in lower case
    written text not null,   -- as the file has it
    owner_id bigint,         -- null: nobody has this address
    made boolean not null default false
) on commit drop;
create temp table key_import_new (
    ordinal bigint generated always as identity primary key,
    key_id bigint not null,
    owner_id bigint not null,
    like key_import
) on commit drop;
create temp table key_import_changed (
    ordinal bigint generated always as identity primary key,
    key_id bigint not null,
    external_id text not null,
    old_name text, name text,
    old_owner_id bigint, owner_id bigint,
    old_type text, type text,
    old_environment text, environment text,
    old_prefix text, prefix text,
    old_hint text, hint text,
    old_scopes text[], scopes text[],
    old_service_plan_id bigint, service_plan_id bigint,
    old_created_at timestamptz, created_at timestamptz,
    old_status text, status text,
    old_expires_at timestamptz, expires_at timestamptz,
    new_secret_hash bytea    -- null: as it was
) on commit drop;
create temp table key_import_vanished (
    ordinal bigint generated always as identity primary key,
    key_id bigint not null,
    external_id text not null,
    status text not null
) on commit drop
