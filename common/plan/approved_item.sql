-- Where the items of a plan file wait for the diff, with the key as the plan saw it.
create temporary table approved_item (
    check_id text not null,
    action text not null,
    key_id bigint not null,
    detail text not null,
    severity integer not null,
    due_at timestamptz,
    evidence text not null,
    status text not null,
    expires_at timestamptz
) on commit drop
