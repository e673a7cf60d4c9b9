"""Ten million keys to expire, made set-wise by the server, and the windows of expires_at that the runs use up.

Half of the keys are long expired; after them come the windows, and the rest expires months later, out of reach of every
notice. Each window is used once, in order of time, so that no run meets a row that another one wrote.
"""

import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

BASE = datetime(2026, 6, 1, tzinfo=timezone.utc)  # as_of of the first, standing pass, over no keys yet
FIRST_WINDOW = BASE + timedelta(minutes=30)
# All windows lie within a day of BASE: the daily standing pass falls into no measured run, and no stage of
# KEY-EXPIRES-SOON (a day or more ahead) reaches a window or what comes after them.
WINDOWS_LAST = timedelta(hours=19)

MEASURED_TABLES = [
    "keyrota." + name
    for name in ("api_key_state", "finding", "audit_entry", "audit_block", "audit_head", "plan_item", "job_run",
                 "run_check", "job_lease")
]

# What must be gone while the tables are filled, in the order in which it can be made again.
KEY_INDEXES = """
with loaded(id) as (
    values ('keyrota.api_key'::regclass), ('keyrota.api_key_secret'::regclass),
           ('keyrota.api_key_state'::regclass), ('keyrota.api_key_activity'::regclass))
select case c.contype when 'f' then 3 else 1 end as step,
       format('alter table %s drop constraint %I', c.conrelid::regclass, c.conname),
       format('alter table %s add constraint %I %s', c.conrelid::regclass, c.conname, pg_get_constraintdef(c.oid))
           as make_command
  from pg_constraint c
 where c.contype in ('p', 'u', 'x', 'f')
   and (c.conrelid in (select id from loaded) or c.confrelid in (select id from loaded))
union all
select 2, format('drop index %s', i.indexrelid::regclass), pg_get_indexdef(i.indexrelid)
  from pg_index i
 where i.indrelid in (select id from loaded)
   and not exists (select from pg_constraint c where c.conindid = i.indexrelid and c.contype in ('p', 'u', 'x'))
 order by step, make_command
"""

OWNERS = """
insert into keyrota.owner (name, email, time_zone)
select 'Owner ' || i, 'owner' || i || '@example.com', 'Europe/Berlin' from generate_series(1, %(owners)s::bigint) i
"""

# Where a key stands in order of expires_at (1, 2, 3, ...). Clustered: where it stands in the tables, too.
CLUSTERED = "create unlogged table bench_place as select i as key_id, i as place from generate_series(1, %(keys)s::bigint) i"
SCATTERED = """
create unlogged table bench_place as
select i as key_id, row_number() over (order by hashint8extended(i, %(seed)s), i) as place
  from generate_series(1, %(keys)s::bigint) i
 order by i
"""

KEYS = """
insert into keyrota.api_key (key_id, lineage_id, owner_id, name, type, environment, prefix, hint, scopes, service_plan_id,
                             created_at, policy_rule_id)
overriding system value
select i, i, 1 + i %% %(owners)s,
       (array['checkout', 'reporting', 'warehouse sync', 'mobile app', 'billing export'])[1 + i %% 5] || ' ' || i,
       case when i %% 10 = 9 then 'public' else 'secret' end, 'production',
       case when i %% 10 = 9 then 'pk_live_' else 'sk_live_' end, right(md5(i::text), 4),
       case when i %% 10 = 9 then '{read:catalog}' else '{read:orders,write:orders,read:customers}' end::text[],
       1 + i %% 4, timestamptz %(base)s - interval '400 days' + i %% 86400 * interval '1 second',
       (select policy_rule_id from keyrota.policy_rule where name = 'default')
  from generate_series(1, %(keys)s::bigint) i
"""

SECRETS = """
insert into keyrota.api_key_secret (secret_hash, key_id)
select sha256(convert_to(i::text, 'UTF8')), i from generate_series(1, %(keys)s::bigint) i
"""

STATES = """
insert into keyrota.api_key_state (key_id, status, expires_at)
select key_id,
       case when place <= %(expired)s then 'expired' when key_id %% 50 = 0 then 'inactive' else 'active' end,
       case when place <= %(expired)s
            then timestamptz %(base)s - interval '5 years' + place * (interval '4 years' / %(expired)s)
            when place <= %(expired)s + %(due)s
            then timestamptz %(first_window)s + (place - %(expired)s) * %(step_us)s * interval '1 microsecond'
            else timestamptz %(base)s + interval '60 days'
                 + (place - %(expired)s - %(due)s) * (interval '90 days' / %(keys)s) end
  from bench_place
 order by key_id
"""

ACTIVITY = """
insert into keyrota.api_key_activity (key_id, last_used_at)
select i, timestamptz %(base)s - i %% 5000000 * interval '1 second' from generate_series(1, %(keys)s::bigint) i
"""


@dataclass(frozen=True)
class Window:
    """Keys that end after `since` and not after `until`."""

    since: datetime
    until: datetime
    size: int


@dataclass
class Dataset:
    layout: str  # clustered | scattered
    keys: int
    expired: int
    due: int  # in windows
    step_us: int  # from one due key to the next
    used: int = 0

    def instant_of(self, place):
        return FIRST_WINDOW + timedelta(microseconds=place * self.step_us)

    def next_window(self, size):
        assert self.used + size <= self.due, "more windows taken than made"
        window = Window(self.instant_of(self.used), self.instant_of(self.used + size), size)
        self.used += size
        return window


def dataset_for(layout, keys, due):
    """At least `keys` keys; more when the windows do not fit beside the half that is long expired."""
    expired = keys // 2
    total = max(keys, expired + due + keys // 20)
    return Dataset(layout, total, expired, due, int(WINDOWS_LAST / timedelta(microseconds=1)) // max(due, 1))


def load(cluster, dataset, seed):
    """Fills an empty installation. @returns seconds."""
    started = time.perf_counter()
    parameters = {
        "keys": dataset.keys, "expired": dataset.expired, "due": dataset.due, "step_us": dataset.step_us,
        "owners": max(10, dataset.keys // 25), "base": BASE.isoformat(), "first_window": FIRST_WINDOW.isoformat(),
        "seed": seed,
    }
    for setting in ("maintenance_work_mem = '1GB'", "work_mem = '512MB'", "synchronous_commit = off"):
        cluster.sql(f"set {setting}")  # of this session alone: the loading is not measured
    indexes = cluster.sql(KEY_INDEXES)
    for _, drop, _ in reversed(indexes):
        cluster.sql(drop)
    placing = CLUSTERED if dataset.layout == "clustered" else SCATTERED
    for statement in (OWNERS, placing, KEYS, SECRETS, STATES, ACTIVITY):
        cluster.sql(statement, parameters)
    cluster.sql("drop table bench_place")
    for _, _, make in indexes:
        cluster.sql(make)
    cluster.sql("select setval(pg_get_serial_sequence('keyrota.api_key', 'key_id'), %s)", (dataset.keys,))
    cluster.sql("vacuum analyze")
    for name in ("maintenance_work_mem", "work_mem", "synchronous_commit"):
        cluster.sql(f"reset {name}")
    return time.perf_counter() - started
