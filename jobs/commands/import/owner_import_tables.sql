create temp table owner_import (
    line bigint not null,
    email text not null,
    name text not null,
    team text,            -- from here on null: the file does not say
    time_zone text,
    active boolean,
    fallback_email text,
    owner_id bigint,      -- null: nobody has this address yet
    made boolean not null default false
) on commit drop;
create temp table owner_import_changed (
    ordinal bigint generated always as identity primary key,
    owner_id bigint not null,
    made boolean not null,
    renamed boolean not null,   -- the name, or how the address is written: neither goes into the trail
    old jsonb,                  -- null: made
    new jsonb not null
) on commit drop
