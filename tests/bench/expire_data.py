"""Ten million keys to expire, made set-wise by the server, and the windows of expires_at that the runs use up.

Half of the keys are long expired; after them come the windows, and the rest expires months later, out of reach of every
notice. Each window is used once, in order of time, so that no run meets a row that another one wrote.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from key_data import fill

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

# Where a key stands in order of expires_at (1, 2, 3, ...). Clustered: where it stands in the tables, too.
CLUSTERED = "create unlogged table bench_place as select i as key_id, i as place from generate_series(1, %(keys)s::bigint) i"
SCATTERED = """
create unlogged table bench_place as
select i as key_id, row_number() over (order by hashint8extended(i, %(seed)s), i) as place
  from generate_series(1, %(keys)s::bigint) i
 order by i
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
    placing = CLUSTERED if dataset.layout == "clustered" else SCATTERED
    return fill(cluster, dataset.keys, (placing, STATES, "drop table bench_place"), {
        "expired": dataset.expired, "due": dataset.due, "step_us": dataset.step_us, "base": BASE.isoformat(),
        "first_window": FIRST_WINDOW.isoformat(), "seed": seed,
    })
