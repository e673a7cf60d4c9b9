"""Keys for a bench, made set-wise by the server into an empty installation."""

import time
from pathlib import Path

# What must be gone while the tables are filled, in the order in which it can be made again: as `keyrota sample load` does.
KEY_INDEXES = (Path(__file__).resolve().parents[2] / "jobs/commands/sample/sample_key_indexes.sql").read_text()

OWNERS = """
insert into keyrota.owner (name, email, time_zone)
select 'Owner ' || i, 'owner' || i || '@example.com', 'Europe/Berlin' from generate_series(1, %(owners)s::bigint) i
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

ACTIVITY = """
insert into keyrota.api_key_activity (key_id, last_used_at)
select i, timestamptz %(base)s - i %% 5000000 * interval '1 second' from generate_series(1, %(keys)s::bigint) i
"""


def fill(cluster, keys, statements, parameters, made_by=KEYS, used_by=ACTIVITY):
    """Fills the key tables: owners, keys, secrets and activity of `keys` keys, and what `statements` make of their states; keys
    and their last use by other statements where these are given.
    @returns seconds."""
    started = time.perf_counter()
    parameters = {"keys": keys, "owners": max(10, keys // 25), **parameters}
    for setting in ("maintenance_work_mem = '1GB'", "work_mem = '512MB'", "synchronous_commit = off"):
        cluster.sql(f"set {setting}")  # of this session alone: the loading is not measured
    indexes = cluster.sql(KEY_INDEXES)
    for _, drop, _ in reversed(indexes):
        cluster.sql(drop)
    for statement in (OWNERS, made_by, SECRETS, *statements, used_by):
        cluster.sql(statement, parameters)
    for _, _, make in indexes:
        cluster.sql(make)
    cluster.sql("select setval(pg_get_serial_sequence('keyrota.api_key', 'key_id'), %s)", (keys,))
    cluster.sql("vacuum analyze")
    for name in ("maintenance_work_mem", "work_mem", "synchronous_commit"):
        cluster.sql(f"reset {name}")
    return time.perf_counter() - started
