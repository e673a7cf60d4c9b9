#!/usr/bin/python3
"""`./dev bench findings`: what a nightly check costs that finds much, against counting the same keys.

KEY-EXPIRES-SOON in its standing pass, over 10 million keys of which every fifth is within 30 days of its end. The first
night opens all findings; on the nights after nothing has changed, and nothing may be written.

Needs python3-psycopg2 and the program; makes a server of its own under --dir and removes it again (10 million keys take
about 10 GB there). Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import time
from datetime import datetime, timedelta, timezone
from statistics import median

from bench_cluster import BenchCluster, BenchError, instant, run_as_program, say
from bench_figures import at_most, conclude, no_more_than, spread
from bench_options import bench_parser
from key_data import fill

BASE = datetime(2026, 6, 1, tzinfo=timezone.utc)
NIGHT = timedelta(hours=25)  # a standing pass is due again
SHARE = 5  # every fifth key has a finding

# Dates of the found keys: within 30 days of every night, and more than 7 days away (no severity changes).
STATES = """
insert into keyrota.api_key_state (key_id, status, expires_at)
select i, case when i %% 50 = 1 then 'inactive' else 'active' end,
       case when i %% %(share)s = 0 then timestamptz %(base)s + interval '14 days' + i * (interval '14 days' / %(keys)s)
            when i %% 3 = 0 then null
            else timestamptz %(base)s + interval '90 days' + i * (interval '90 days' / %(keys)s) end
  from generate_series(1, %(keys)s::bigint) i
"""
# The check's predicate by itself.
COUNT = """
select count(*)
  from keyrota.api_key_state s
  join keyrota.api_key k on k.key_id = s.key_id
  join keyrota.policy_rule p on p.policy_rule_id = k.policy_rule_id
 where s.status = 'active' and s.retire_at is null and s.expires_at > %(as_of)s
   and s.expires_at <= %(as_of)s + (select max(before) from unnest(p.expiry_notice_before) before)
"""
TABLES = ["keyrota." + name for name in ("api_key", "api_key_state", "finding", "plan_item", "job_run", "run_check")]


def parse_arguments():
    parser = bench_parser(__doc__, quick="200,000 keys, 2 nights", repeats=5)
    parser.add_argument("--keys", type=int, default=10_000_000)
    options = parser.parse_args()
    if options.quick:
        options.keys, options.repeats = 200_000, 2
    return options


class FindingsBench:
    def __init__(self, options):
        self.options, self.found = options, options.keys // SHARE
        self.label = f"{self.found:,} of {options.keys:,} keys"
        self.figures, self.details = [], {"keys": options.keys, "found": self.found, "nights": []}

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            cluster.run_job("expire-keys", "--as-of", instant(BASE - timedelta(days=2)))  # makes the policy's rules
            seconds = fill(cluster, self.options.keys, (STATES,), {"base": BASE.isoformat(), "share": SHARE})
            say(f"{self.label}: loaded in {seconds:.0f} s")
            first = self.night(BASE, opened=self.found)
            later = [self.night(BASE + n * NIGHT, opened=0) for n in range(1, self.options.repeats + 1)]
            self.listing()
        self.judge(first, later)

    def listing(self):
        """How long a person waits for the first hundred, and what a long list costs in memory."""
        first = self.cluster.keyrota("findings", "list")
        uid = self.cluster.value("select uid from keyrota.finding order by key_id desc limit 1")
        one = self.cluster.keyrota("findings", "show", uid)
        rows = min(self.found, 300_000)
        many = self.cluster.keyrota("findings", "list", "--csv", "--limit", str(rows))
        self.details["listing"] = {"first_s": first.wall_s, "one_s": one.wall_s, "many_s": many.wall_s,
                                   "many_rss_kib": many.rss_kib}
        self.cluster.peak_rss_kib = max(self.cluster.peak_rss_kib, many.rss_kib)
        say(f"{self.label}: list of the first hundred {first.wall_s:.2f} s, one by its id {one.wall_s:.2f} s,"
            f" {rows:,} as CSV {many.wall_s:.2f} s in {many.rss_kib / 1024:.1f} MiB")

    def count(self, as_of):
        """@returns seconds of the floor, the better of two: the first one warms up."""
        seconds = []
        connection = self.cluster.connect("keyrota_runner")
        try:
            with connection.cursor() as cursor:
                cursor.execute("set work_mem = '64MB'")  # as a run has it
                for _ in range(2):
                    started = time.perf_counter()
                    cursor.execute(COUNT, {"as_of": as_of})
                    seconds.append(time.perf_counter() - started)
                    if cursor.fetchone()[0] != self.found:
                        raise BenchError("the predicate does not find what the check should")
        finally:
            connection.close()
        return min(seconds)

    def night(self, as_of, opened):
        self.cluster.settle(TABLES)
        floor = self.count(as_of)
        self.cluster.forget_statements()
        wal = self.cluster.wal_position()
        outcome, report = self.cluster.run_job("expire-keys", "--as-of", instant(as_of))
        wal = self.cluster.wal_position() - wal
        soon = report["checks"][1]
        if not report["complete"] or soon["pass"] != "standing" or soon["found"] != self.found or soon["opened"] != opened:
            raise BenchError(f"not the night that was to be measured: {report}")
        changed = self.cluster.value("select count(*) from keyrota.finding where run_id = %s", (report["run_id"],))
        if changed != opened:
            raise BenchError(f"{changed} findings were written, not {opened}")
        night = {"as_of": instant(as_of), "floor_s": floor, "whole_s": outcome.wall_s, "plan_s": report["plan_ms"] / 1000,
                 "apply_s": report["apply_ms"] / 1000, "wal_bytes": wal, "rss_kib": outcome.rss_kib,
                 "statements": self.cluster.statements()[:12]}
        self.details["nights"].append(night)
        say(f"{self.label}: {instant(as_of)}: count {floor:.2f} s; run {outcome.wall_s:.2f} s (plan {night['plan_s']:.2f},"
            f" record {night['apply_s']:.2f}), {wal:,} bytes of WAL")
        return night

    def judge(self, first, later):
        self.figures.append(at_most(f"first night ({self.label})", f"{first['whole_s']:.2f} s", f"{first['floor_s']:.2f} s",
                                    first["whole_s"] / first["floor_s"], 4))
        whole, floor = [n["whole_s"] for n in later], [n["floor_s"] for n in later]
        self.figures.append(at_most(f"unchanged night ({self.label})", spread(whole), spread(floor),
                                    median(whole) / median(floor), 2))
        self.figures.append(no_more_than("WAL of an unchanged night", max(n["wal_bytes"] for n in later) / 1024, 256, "KiB"))
        self.figures.append(no_more_than("peak RSS of runs", self.cluster.peak_rss_kib / 1024, 64, "MiB"))


def run(options):
    bench = FindingsBench(options)
    say(f"{options.repeats} unchanged nights, {options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
