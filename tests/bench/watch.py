#!/usr/bin/python3
"""`./dev bench watch`: what watch-usage costs, against a bare aggregate over the same hours of usage.

Over 10 million keys of which 1 million are active in each hour of the window; every hundredth of those has a finding. The
first hour opens them, on the others nothing has changed.

Needs python3-psycopg2 and the program; makes a server of its own under --dir and removes it again (10 million keys and 24
million hours take about 10 GB there). Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import time
from datetime import datetime, timedelta, timezone
from statistics import median

from bench_cluster import BenchCluster, BenchError, instant, run_as_program, say
from bench_figures import at_most, conclude, no_more_than, spread
from bench_options import bench_parser
from key_data import fill

BASE = datetime(2026, 6, 1, tzinfo=timezone.utc)
CHECKS = 6
SHARE = 100  # every hundredth active key has a finding of one kind or another

STATES = """
insert into keyrota.api_key_state (key_id, status)
select i, case when i %% 50 = 1 then 'inactive' else 'active' end from generate_series(1, %(keys)s::bigint) i
"""
# One hour of calls, as the rollup closes one after another: each tenth key (say) is active. Errors below the threshold are
# usual, a few keys are over it.
HOUR = """
insert into keyrota.usage_hour (key_id, hour, requests, client_errors, server_errors, rate_limited, peak_minute,
                                peak_minute_at, query_auth, browser_requests)
select a * %(every)s, timestamptz %(base)s - interval 'AGO hours', 100 + a %% 400, case when a %% (4 * %(share)s) = 0 then 100 else a %% 4 end, a %% 2, 0, 10 + a %% 40,
       timestamptz %(base)s - interval 'AGO hours' + interval '7 minutes', case when a %% (4 * %(share)s) = %(share)s then 1 else 0 end, 0
  from generate_series(1, %(active)s::bigint) a
"""
KNOWN = (
    "insert into keyrota.usage_gateway (name, since_at, last_seen_at)"
    " values ('edge', timestamptz %(base)s - interval '400 days', timestamptz %(base)s)",
    "update keyrota.usage_watermark"
    "   set complete_until = timestamptz %(base)s, closed_until = timestamptz %(base)s",
)
# The same rows, summed up by key, and nothing else.
AGGREGATE = """
select count(*) from (
    select key_id, sum(requests), sum(client_errors), sum(server_errors), sum(rate_limited), max(peak_minute),
           sum(query_auth), sum(browser_requests)
      from keyrota.usage_hour
     where hour >= timestamptz %(base)s - %(hours)s * interval '1 hour' and hour < timestamptz %(base)s
     group by key_id) keys
"""
TABLES = ["keyrota." + name for name in ("api_key", "api_key_state", "usage_hour", "finding", "plan_item", "job_run", "run_check")]


def parse_arguments():
    parser = bench_parser(__doc__, quick="100,000 keys, 2 repeats", repeats=5)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--active", type=int, default=1_000_000, help="keys with calls, in each hour")
    parser.add_argument("--hours", type=int, default=24, help="hours of the window that have calls")
    options = parser.parse_args()
    if options.quick:
        options.keys, options.active, options.repeats = 100_000, 10_000, 2
    return options


class WatchBench:
    def __init__(self, options):
        self.options = options
        self.label = f"{options.active:,} of {options.keys:,} keys active, {options.hours} hours"
        self.parameters = {"base": BASE.isoformat(), "hours": options.hours, "active": options.active,
                           "every": options.keys // options.active, "share": SHARE}
        self.figures, self.details = [], {"keys": options.keys, "active": options.active, "hours": options.hours, "runs": []}

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            cluster.run_job("expire-keys", "--as-of", instant(BASE - timedelta(days=2)))  # makes the policy's rules
            hours = [HOUR.replace("AGO", str(ago)) for ago in range(self.options.hours, 0, -1)]
            seconds = fill(cluster, self.options.keys, (STATES, *hours, *KNOWN), self.parameters)
            say(f"{self.label}: loaded in {seconds:.0f} s")
            first = self.hour(0)
            if first["opened"] == 0:
                raise BenchError("no finding was opened")
            later = [self.hour(n, first["found"]) for n in range(1, self.options.repeats + 1)]
        self.judge(first, later)

    def aggregate(self):
        """@returns seconds of the floor, the better of two: the first one warms up."""
        seconds = []
        connection = self.cluster.connect("keyrota_runner")
        try:
            with connection.cursor() as cursor:
                cursor.execute("set work_mem = '64MB'")  # as a run has it
                for _ in range(2):
                    started = time.perf_counter()
                    cursor.execute(AGGREGATE, self.parameters)
                    seconds.append(time.perf_counter() - started)
                    if cursor.fetchone()[0] != self.options.active:
                        raise BenchError("the aggregate does not find the active keys")
        finally:
            connection.close()
        return min(seconds)

    def hour(self, n, found=None):
        """The n-th run on the same closed hours. @param found what it must find, and open nothing."""
        self.cluster.settle(TABLES)
        floor = self.aggregate()
        self.cluster.forget_statements()
        as_of = instant(BASE + timedelta(minutes=10 + n))
        outcome, report = self.cluster.run_job("watch-usage", "--as-of", as_of)
        checks = report["checks"]
        if not report["complete"] or len(checks) != CHECKS or any(c["pass"] != "standing" for c in checks):
            raise BenchError(f"not the run that was to be measured: {report}")
        measured = {"as_of": as_of, "floor_s": floor, "whole_s": outcome.wall_s, "plan_s": report["plan_ms"] / 1000,
                    "found": sum(c["found"] for c in checks), "opened": sum(c["opened"] for c in checks),
                    "rss_kib": outcome.rss_kib, "statements": self.cluster.statements()[:12]}
        if found is not None and (measured["found"] != found or measured["opened"] != 0):
            raise BenchError(f"an unchanged hour changed something: {report}")
        self.details["runs"].append(measured)
        say(f"{self.label}: aggregate {floor:.2f} s; run {outcome.wall_s:.2f} s, {measured['found']:,} found,"
            f" {measured['opened']:,} opened")
        return measured

    def judge(self, first, later):
        whole, floor = [h["whole_s"] for h in later], [h["floor_s"] for h in later]
        ratio = median(w / f for w, f in zip(whole, floor))
        self.figures.append(at_most(f"unchanged hour ({self.label})", spread(whole), spread(floor), ratio, 3))
        self.figures.append(at_most(f"first hour, {first['opened']:,} findings opened", f"{first['whole_s']:.2f} s",
                                    f"{first['floor_s']:.2f} s", first["whole_s"] / first["floor_s"], 3))
        self.figures.append(no_more_than("peak RSS of runs", self.cluster.peak_rss_kib / 1024, 64, "MiB"))


def run(options):
    bench = WatchBench(options)
    say(f"{options.repeats} unchanged hours, {options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
