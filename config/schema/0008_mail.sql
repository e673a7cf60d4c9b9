-- Who was told what, and the mail that told it.

-- Everybody is told what is already open only once the operator said so (`keyrota mail release`).
create table keyrota.mail_release (
    only_row boolean primary key default true check (only_row),
    released_at timestamptz not null,
    released_by text not null
);

-- One thing that one address must be told: a finding at one stage of its life. The key is what makes it told once.
create table keyrota.notice (
    key_id bigint not null,          -- of the finding; 0: about the runner itself
    finding_uid text not null,
    episode integer not null,
    anchor_at timestamptz not null,  -- the finding's due_at, so that a moved date is told anew; without one 1970
    stage text not null,             -- `T-7`, `T+0`, `open`, `again 2`, `severe`, `resolved` (common/notify/rhythm.h)
    recipient text not null check (recipient = lower(recipient)),  -- address, or `webhook:NAME` of a team
    state text not null check (state in (
        'observed',    -- decided while nothing is sent yet
        'waiting',     -- decided, and goes out with the recipient's first message from not_before_at on
        'told',        -- in a message of the outbox: message_id
        'failed',      -- in a message that is dead; the next in line is told
        'superseded')),  -- a later stage came, or the finding went, before it was told
    severity smallint not null check (severity between 1 and 5),  -- the finding's, when this was decided
    is_copy boolean not null,        -- somebody else is the one who must act
    at_once boolean not null,        -- does not wait for the recipient's daily digest
    recipient_name text not null,    -- as people write it; may be empty
    time_zone text not null,         -- the recipient's
    reason text not null,            -- why this recipient: a sentence of the mail
    next_at timestamptz,             -- when the finding's next stage begins; null: there is none
    not_before_at timestamptz not null,
    message_id bigint,
    created_at timestamptz not null,
    run_id bigint not null,          -- that decided it
    primary key (key_id, finding_uid, episode, anchor_at, stage, recipient),
    check ((state in ('told', 'failed')) = (message_id is not null))
) with (fillfactor = 80);
create index notice_waiting_idx on keyrota.notice (recipient, not_before_at) where state in ('observed', 'waiting');
create index notice_message_id_idx on keyrota.notice (message_id) where message_id is not null;

-- The outbox: rendered and stored in the transaction that marks its notices; delivered later, perhaps by another process.
-- One recipient each: a copy is a message of its own, so what is refused for one address stands for that one alone.
create table keyrota.message (
    message_id bigint generated always as identity primary key,  -- Message-ID is made of it and the installation's uuid
    kind text not null check (kind in ('notice', 'operator', 'report', 'test')),
    channel text not null default 'email' check (channel in ('email', 'webhook')),
    recipient text not null,          -- address, `webhook:NAME` of a team, or `operator` for the operator's webhook
    recipient_name text,              -- as people write it; for To:
    subject text not null,
    text_body text not null,
    html_body text,                   -- null for a webhook
    severity smallint not null check (severity between 1 and 5),  -- of the gravest thing in it: those go first
    report_week timestamptz,          -- of a report: when the week began that it is about
    root_id bigint,                   -- the message that began the thread; null: this one does
    state text not null default 'pending' check (state in ('pending', 'sending', 'sent', 'dead', 'cancelled')),
    created_at timestamptz not null,
    next_try_at timestamptz not null,  -- not before this
    expires_at timestamptz not null,   -- after this it is dead
    tries integer not null default 0,
    claimed_by text,                   -- the token of the deliverer at work on it, and until when that counts
    claim_expires_at timestamptz,
    sent_at timestamptz,
    last_answer text,                  -- the server's words
    run_id bigint not null,            -- that rendered it; 0: a person did
    check ((state = 'sending') = (claimed_by is not null)),
    check ((claimed_by is null) = (claim_expires_at is null)),
    check ((state = 'sent') = (sent_at is not null))
) with (fillfactor = 80);
create index message_unsent_idx on keyrota.message (next_try_at) where state in ('pending', 'sending');
create index message_created_at_idx on keyrota.message (created_at);  -- the cap of a day
create unique index message_report_week_idx on keyrota.message (recipient, report_week) where report_week is not null;
create index message_recipient_idx on keyrota.message (recipient, created_at);  -- the same of one recipient

-- What became of each try.
create table keyrota.delivery (
    message_id bigint not null references keyrota.message on delete cascade,
    attempt integer not null,
    at timestamptz not null,
    recipient text not null,
    outcome text not null check (outcome in ('sent', 'deferred', 'refused')),
    code text,    -- `550 5.1.1`, an HTTP status; null: nobody answered
    answer text,  -- the server's words, or what went wrong on the way
    primary key (message_id, attempt)
);

-- Logs that a message was sent; until common/notify/mail_release.sql takes that over into keyrota.message the log alone knows. A
-- claim that was lost in the meantime logs nothing. Committed at once, but on disk only a little later, unless `is_flushed`, which
-- takes all before it along: what a crash of the database's machine forgets is sent again. A function, so that it is planned once
-- a session and not once a message.
create function keyrota.log_sent(of_message bigint, token text, sent_at timestamptz, code text, answer text, is_flushed boolean)
    returns void language plpgsql as $$
begin
    insert into keyrota.delivery (message_id, attempt, at, recipient, outcome, code, answer)
    select m.message_id, m.tries + 1, log_sent.sent_at, m.recipient, 'sent', log_sent.code, log_sent.answer
      from keyrota.message m
     where m.message_id = of_message and m.claimed_by = token;
    if not is_flushed then
        perform set_config('synchronous_commit', 'off', true);
    end if;
end $$;

-- Addresses that refused mail for good; in force where suppressed_at is set (before that failures are only counted).
create table keyrota.suppression (
    address text primary key check (address = lower(address)),
    failures integer not null default 0,
    last_failure_at timestamptz,
    suppressed_at timestamptz,
    reason text not null,
    added_by text not null
);

-- Who stands behind a key, in the order in which they are told; addresses as notices have them, in lower case.
create view keyrota.key_recipients as
select k.key_id, k.name as key_name, o.owner_id, o.name as owner_name, lower(o.email) as owner_email,
       o.time_zone as owner_time_zone, o.active::int as owner_active,
       s.name as fallback_name, lower(s.email) as fallback_email, s.time_zone as fallback_time_zone,
       s.active::int as fallback_active, t.name as team_name, lower(t.email) as team_email,
       'webhook:' || t.webhook as team_webhook, lower(t.security_email) as security_email
  from keyrota.api_key k
  left join keyrota.owner o on o.owner_id = k.owner_id
  left join keyrota.owner s on s.owner_id = o.fallback_owner_id
  left join keyrota.team t on t.team_id = o.team_id;

-- Whether a key that is unused may be switched off: its finding is open, its date has come, and mail that names the date was sent
-- at least `grace` ago to somebody who stands behind the key now; where nobody does, to the operator. A copy is not enough, nor is
-- mail that still waits; what somebody acknowledged is theirs to decide.
create function keyrota.deactivation_is_due(about_key bigint, about_check text, as_of timestamptz, grace interval)
    returns boolean
    language sql stable parallel safe
    return exists (select from keyrota.finding f
                     join keyrota.notice n on n.key_id = f.key_id and n.finding_uid = f.uid and n.episode = f.episode
                                          and n.anchor_at = f.due_at
                     join keyrota.message m on m.message_id = n.message_id
                     join keyrota.key_recipients r on r.key_id = f.key_id
                    where f.key_id = about_key and f.uid = keyrota.finding_uid(about_check, about_key, '')
                      and f.status = 'open' and f.due_at <= as_of
                      and n.state = 'told' and not n.is_copy and m.sent_at <= as_of - grace
                      and (n.recipient = case when r.owner_active = 1 then r.owner_email end
                           or n.recipient = case when r.fallback_active = 1 then r.fallback_email end
                           or n.recipient in (r.team_email, r.team_webhook)
                           or coalesce(case when r.owner_active = 1 then r.owner_email end,
                                       case when r.fallback_active = 1 then r.fallback_email end, r.team_email,
                                       r.team_webhook) is null));

-- The date from which a key that is unused is switched off, as its finding has it. A date that was told stays, whatever the
-- policy says later. A new one leaves a day for the mail beside its `grace`; so does a date that came without anybody having
-- been told in time, since its finding was waived or its mail did not go out.
create function keyrota.deactivates_at(about_key bigint, about_check text, as_of timestamptz, grace interval)
    returns timestamptz
    language sql stable parallel safe
    return coalesce((select f.due_at from keyrota.finding f
                      where f.key_id = about_key and f.uid = keyrota.finding_uid(about_check, about_key, '')
                        and f.status <> 'resolved'
                        and (f.due_at > as_of
                             or f.status <> 'waived' and keyrota.deactivation_is_due(about_key, about_check, as_of, grace))),
                    as_of + grace + interval '1 day');

grant select on keyrota.key_recipients to keyrota_runner, keyrota_auditor;
grant select, insert, update, delete
    on keyrota.mail_release, keyrota.notice, keyrota.message, keyrota.delivery, keyrota.suppression to keyrota_runner;
grant select on keyrota.mail_release, keyrota.notice, keyrota.message, keyrota.delivery, keyrota.suppression
    to keyrota_auditor;
grant usage on all sequences in schema keyrota to keyrota_runner;
