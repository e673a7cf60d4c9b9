#!/usr/bin/python3
"""`./dev bench audits`: what the whole night costs, against counting by the predicates of its checks.

All daily jobs but the mail of the weekly report, over 10 million keys of which every fifth has a finding. The first night
opens them; on the nights after nothing has changed, and no finding may be written. The floor are the statements of the
checks themselves, as they stand in their files, with a count(*) around each.

Needs python3-psycopg2 and the program; makes a server of its own under --dir and removes it again (10 million keys take
about 14 GB there). Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import re
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median

from bench_cluster import BenchCluster, BenchError, instant, run_as_program, say
from bench_figures import at_most, conclude, no_more_than, spread
from bench_options import bench_parser
from key_data import KEYS, fill

BASE = datetime(2026, 6, 1, tzinfo=timezone.utc)
NIGHT = timedelta(hours=24)
SHARE = 5  # every fifth key has a finding
JOBS = ("flag-rotation", "find-unused", "review-permissions", "custom-checks", "check-waivers", "prune", "verify-audit")
STATEMENTS = [path for job in ("flag_rotation", "find_unused", "review_permissions")
              for path in sorted((Path(__file__).resolve().parents[2] / "jobs" / job).glob("key_*.sql"))]

# Of twenty keys the first is due for rotation, the second was never used, the third is public and may write, the fourth may
# do everything. All others are too young to be due, and in use.
OWN_KEYS = KEYS.replace("interval '400 days'", "case when i %% 20 = 0 then interval '100 days' else interval '40 days' end") \
    .replace("case when i %% 10 = 9 then '{read:catalog}'",
             "case when i %% 20 = 3 then '{read:orders,admin}' when i %% 20 = 2 then '{write:orders}' when i %% 10 = 9 then '{read:catalog}'") \
    .replace("i %% 10 = 9 then 'p", "i %% 10 = 9 or i %% 20 = 2 then 'p")
STATES = """
insert into keyrota.api_key_state (key_id, status, expires_at)
select i, 'active', timestamptz %(base)s + interval '90 days' + i * (interval '90 days' / %(keys)s)
  from generate_series(1, %(keys)s::bigint) i
"""
ACTIVITY = """
insert into keyrota.api_key_activity (key_id, last_used_at)
select i, timestamptz %(base)s - i %% 2000000 * interval '1 second' from generate_series(1, %(keys)s::bigint) i where i %% 20 <> 1
"""
SCOPES = """
insert into keyrota.usage_scope (key_id, scope, last_used_at)
select i, 'read:orders', timestamptz %(base)s - i %% 2000000 * interval '1 second'
  from generate_series(1, %(keys)s::bigint) i where i %% 20 > 1
"""
KNOWN = (
    "insert into keyrota.usage_gateway (name, since_at, last_seen_at)"
    " values ('edge', timestamptz %(base)s - interval '400 days', timestamptz %(base)s + interval '400 days')",
    "update keyrota.usage_watermark"
    "   set complete_until = timestamptz %(base)s + interval '400 days', closed_until = timestamptz %(base)s + interval '400 days'",
)
TABLES = ["keyrota." + name for name in ("api_key", "api_key_state", "api_key_activity", "usage_scope", "finding", "plan_item",
                                         "job_run", "run_check")]


def parse_arguments():
    parser = bench_parser(__doc__, quick="100,000 keys, 2 nights", repeats=3)
    parser.add_argument("--keys", type=int, default=10_000_000)
    options = parser.parse_args()
    if options.quick:
        options.keys, options.repeats = 100_000, 2
    return options


class AuditsBench:
    def __init__(self, options):
        self.options, self.found = options, options.keys // SHARE
        self.label = f"{self.found:,} of {options.keys:,} keys"
        self.figures, self.details = [], {"keys": options.keys, "found": self.found, "nights": []}
        self.counts = {path.stem: count_of(path) for path in STATEMENTS}

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            cluster.run_job("expire-keys", "--as-of", instant(BASE - timedelta(days=2)))  # makes the policy's rules
            seconds = fill(cluster, self.options.keys, (STATES, SCOPES, *KNOWN), {"base": BASE.isoformat()},
                           made_by=OWN_KEYS, used_by=ACTIVITY)
            say(f"{self.label}: loaded in {seconds:.0f} s")
            first = self.night(BASE, opened=self.found)
            later = [self.night(BASE + n * NIGHT, opened=0) for n in range(1, self.options.repeats + 1)]
        self.judge(first, later)

    def count(self, as_of):
        """@returns seconds of the floor, the better of two: the first one warms up."""
        seconds = []
        connection = self.cluster.connect("keyrota_runner")
        parameters = {"as_of": int(as_of.timestamp()) * 1_000_000, "silent_after_us": 6 * 3600 * 1_000_000}
        try:
            with connection.cursor() as cursor:
                cursor.execute("set work_mem = '64MB'")  # as a run has it
                for _ in range(2):
                    started, found = time.perf_counter(), 0
                    for count in self.counts.values():
                        cursor.execute(count, parameters)
                        found += cursor.fetchone()[0]
                    seconds.append(time.perf_counter() - started)
                    if found != self.found:
                        raise BenchError(f"the predicates find {found}, not {self.found}")
        finally:
            connection.close()
        return min(seconds)

    def night(self, as_of, opened):
        self.cluster.settle(TABLES)
        floor = self.count(as_of)
        self.cluster.forget_statements()
        wal = self.cluster.wal_position()
        by_job, rss, runs, found, opens = {}, 0, [], 0, 0
        for job in JOBS:
            outcome, report = self.cluster.run_job(job, "--as-of", instant(as_of))
            if not report["complete"]:
                raise BenchError(f"not the night that was to be measured: {report}")
            by_job[job], rss = outcome.wall_s, max(rss, outcome.rss_kib)
            runs.append(report["run_id"])
            about_keys = [check for check in report["checks"] if check["check"].startswith("KEY-")]
            found += sum(check["found"] for check in about_keys)
            opens += sum(check["opened"] for check in about_keys)
        wal = self.cluster.wal_position() - wal
        changed = self.cluster.value("select count(*) from keyrota.finding where key_id > 0 and run_id = any (%s)", (runs,))
        if found != self.found or opens != opened or changed != opened:
            raise BenchError(f"{found} found, {opens} opened, {changed} written: not the night that was to be measured")
        night = {"as_of": instant(as_of), "floor_s": floor, "whole_s": sum(by_job.values()), "jobs_s": by_job,
                 "wal_bytes": wal, "rss_kib": rss, "statements": self.cluster.statements()[:12]}
        self.details["nights"].append(night)
        say(f"{self.label}: {instant(as_of)}: counts {floor:.2f} s; jobs {night['whole_s']:.2f} s ("
            + ", ".join(f"{job} {seconds:.2f}" for job, seconds in by_job.items()) + f"), {wal:,} bytes of WAL")
        return night

    def judge(self, first, later):
        self.figures.append(at_most(f"first night ({self.label})", f"{first['whole_s']:.2f} s", f"{first['floor_s']:.2f} s",
                                    first["whole_s"] / first["floor_s"], 4))
        whole, floor = [n["whole_s"] for n in later], [n["floor_s"] for n in later]
        self.figures.append(at_most(f"unchanged night ({self.label})", spread(whole), spread(floor),
                                    median(whole) / median(floor), 2))
        self.figures.append(no_more_than("WAL of an unchanged night", max(n["wal_bytes"] for n in later) / 1024, 1024, "KiB"))
        self.figures.append(no_more_than("peak RSS of runs", self.cluster.peak_rss_kib / 1024, 64, "MiB"))


def count_of(path):
    """The statement of a check, counted instead of told."""
    statement = re.sub(r"--.*", "", path.read_text()).replace("%", "%%")
    bound = re.sub(r":(as_of|silent_after_us)\b", r"%(\1)s", statement)
    return f"select count(*) from ({bound}) found"


def run(options):
    bench = AuditsBench(options)
    say(f"{options.repeats} unchanged nights, {options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
