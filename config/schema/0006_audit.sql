-- The audit trail: append-only for every role, sealed in a chain of blocks.
-- Not partitioned (statement triggers are not cloned to partitions) and never pruned.

-- payload is what is hashed; the columns beside it are read from it and so cannot say anything else.
-- key_id is a plain column held equal by a check, since a generated one could not distribute the table.
create table keyrota.audit_entry (
    key_id bigint not null  -- 0: about no key; a payload without one would make `=` null, which passes
        check ((payload::jsonb ->> 'key_id')::bigint is not distinct from key_id),
    entry_id bigint generated always as identity,
    block_id bigint not null,
    payload text not null,
    action text generated always as (payload::jsonb ->> 'action') stored,
    run_id bigint generated always as ((payload::jsonb ->> 'run_id')::bigint) stored,
    at_us bigint generated always as ((payload::jsonb ->> 'at_us')::bigint) stored,
    primary key (key_id, entry_id)
);
create index audit_entry_block_id_idx on keyrota.audit_entry (block_id, entry_id);  -- the order that is hashed

create sequence keyrota.audit_block_id_seq;
create table keyrota.audit_block (
    height bigint primary key,  -- 1, 2, 3, ... without a gap
    block_id bigint not null unique,
    entries_total bigint not null check (entries_total > 0),
    previous_hash bytea not null,
    block_hash bytea not null,  -- keyrota.audit_block_hash(...)
    sealed_at timestamptz not null default clock_timestamp()
);

create table keyrota.audit_head (
    only_row boolean primary key default true check (only_row),
    height bigint not null,
    block_hash bytea not null
);
insert into keyrota.audit_head (height, block_hash) values (0, sha256('keyrota audit trail'));

-- SHA-256 over: height, block_id and entries_total as decimal text with a comma after each, the previous block's hash,
-- and the SHA-256 of each payload in order of entry_id.
create function keyrota.audit_block_hash(height bigint, block_id bigint, entries_total bigint, previous_hash bytea,
                                         entry_hashes bytea) returns bytea
    language sql stable strict parallel safe
    return sha256(convert_to(height || ',' || block_id || ',' || entries_total || ',', 'UTF8')
                  || previous_hash || entry_hashes);

-- Seals a transaction's entries; its last statement, since it holds the head's lock until commit: no two blocks follow
-- the same one. Several blocks of a transaction are sealed one after another. Runs as its owner: no other role may move
-- the head. A connection keeps the plan that it made when the table was small, and a long transaction would read all of it
-- for each of its blocks: never without the index.
create function keyrota.audit_seal(sealed_block_id bigint) returns bigint
    language plpgsql security definer set search_path = pg_catalog, pg_temp set enable_seqscan = off as $$
declare
    head keyrota.audit_head;
    entries bigint;
    hashes bytea;
    new_hash bytea;
begin
    select * into strict head from keyrota.audit_head for update;
    select count(*), string_agg(sha256(convert_to(payload, 'UTF8')), '' order by entry_id)
      into entries, hashes
      from keyrota.audit_entry where block_id = sealed_block_id;
    if entries = 0 then
        return head.height;
    end if;
    new_hash := keyrota.audit_block_hash(head.height + 1, sealed_block_id, entries, head.block_hash, hashes);
    insert into keyrota.audit_block (height, block_id, entries_total, previous_hash, block_hash)
    values (head.height + 1, sealed_block_id, entries, head.block_hash, new_hash);
    update keyrota.audit_head set height = head.height + 1, block_hash = new_hash;
    return head.height + 1;
end $$;
revoke execute on function keyrota.audit_seal(bigint) from public;

create function keyrota.audit_refuse() returns trigger language plpgsql as $$
begin
    raise exception 'the audit trail is append-only' using errcode = 'insufficient_privilege';
end $$;
create trigger audit_entry_append_only before update or delete or truncate on keyrota.audit_entry
    for each statement execute function keyrota.audit_refuse();
create trigger audit_block_append_only before update or delete or truncate on keyrota.audit_block
    for each statement execute function keyrota.audit_refuse();
create trigger audit_head_append_only before delete or truncate on keyrota.audit_head
    for each statement execute function keyrota.audit_refuse();
