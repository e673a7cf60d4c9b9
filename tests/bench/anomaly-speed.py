#!/usr/bin/python3
"""`./dev bench anomaly-speed`: what detect-anomalies costs in an hour, against moving the same rows without a detector.

Of 10 million keys with a state 1 million have calls in the hour. The floor: COPY the new hours joined with their states out to
/dev/null in key order, COPY as many states into a temporary table, and one UPDATE from it. What one step of the detector costs
(tests/bench/detector_step.cpp), in CPU time of an optimised build of its own. And how long `anomalies rebuild` takes for the
states of 100,000 keys from 26 weeks in which they are used 40 hours a week.

Needs python3-psycopg2, a C++ compiler and the program; makes a server of its own under --dir and removes it again (10 million states take
about 20 GB there). Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import subprocess
import tempfile
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path
from statistics import median

from bench_cluster import BenchCluster, BenchError, instant, run_as_program, say
from bench_figures import at_most, conclude, no_more_than, spread
from bench_options import bench_parser
from key_data import fill

BASE = datetime(2026, 6, 1, tzinfo=timezone.utc)
HISTORY = 48  # hours that each key has before

STATES = """
insert into keyrota.api_key_state (key_id, status) select i, 'active' from generate_series(1, %(keys)s::bigint) i
"""
# One call in the first of the hours makes a state; the silence after it is stepped as well.
BEGINNING = """
insert into keyrota.usage_hour (key_id, hour, requests)
select i, timestamptz %(base)s - interval '48 hours', 100 from generate_series(1, %(keys)s::bigint) i
"""
HOUR = """
insert into keyrota.usage_hour (key_id, hour, requests, client_errors, server_errors)
select a * %(every)s, %(hour)s, 100 + a %% 400, a %% 4, a %% 2 from generate_series(1, %(active)s::bigint) a
"""
KNOWN = (
    "insert into keyrota.usage_gateway (name, since_at, last_seen_at)"
    " values ('edge', timestamptz %(base)s - interval '400 days', timestamptz %(base)s + interval '400 days')",
)
CLOSE = "update keyrota.usage_watermark set complete_until = %(until)s, closed_until = %(until)s"
WEEKS = 26
WORK = """
insert into keyrota.usage_hour (key_id, hour, requests, client_errors, server_errors)
select k, %(begin)s::timestamptz + n * interval '1 hour', 100 + (k * 7 + n * 13) %% 400, (k + n) %% 4, (k + n) %% 2
  from generate_series(1, %(keys)s::bigint) k, generate_series(0, %(hours)s - 1) n
 where n / 24 %% 7 < 5 and n %% 24 between 9 and 16
"""
OUT = """
copy (select h.key_id, h.hour, h.requests, h.client_errors + h.server_errors, s.state
        from keyrota.usage_hour h join keyrota.detector_state s on s.key_id = h.key_id
       where h.hour = '{hour}' order by h.key_id) to stdout (format binary)
"""
MOVED = "key_id, state, last_hour_at, last_alarm_at, next_due_at"
STORED = """
copy (select {columns} from keyrota.detector_state where key_id in (select key_id from keyrota.usage_hour where hour = '{hour}')
       order by key_id) to stdout (format binary)
"""
UPDATE = """
update keyrota.detector_state s
   set state = w.state, last_hour_at = w.last_hour_at, last_alarm_at = w.last_alarm_at, next_due_at = w.next_due_at
  from pg_temp.moved w
 where s.key_id = w.key_id
"""
SOURCE = Path(__file__).resolve().parents[2]
DETECTOR = ("baseline", "detector", "detector_state", "tail")
TABLES = ["keyrota." + name for name in ("detector_state", "usage_hour", "finding", "plan_item", "job_run", "run_check")]


def parse_arguments():
    parser = bench_parser(__doc__, quick="50,000 keys, 5,000 active, 2 hours", repeats=3)
    parser.add_argument("--keys", type=int, default=10_000_000, help="with a state")
    parser.add_argument("--active", type=int, default=1_000_000, help="with calls in the hour")
    parser.add_argument("--rebuilt", type=int, default=100_000, help="keys whose states are made anew from 26 weeks")
    options = parser.parse_args()
    if options.quick:
        options.keys, options.active, options.rebuilt, options.repeats = 50_000, 5_000, 100, 2
    return options


class AnomalySpeedBench:
    def __init__(self, options):
        self.options = options
        self.label = f"{options.active:,} of {options.keys:,} keys active"
        self.figures, self.details = [], {"keys": options.keys, "active": options.active, "hours": []}

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            cluster.run_job("expire-keys", "--as-of", instant(BASE - timedelta(days=2)))  # makes the policy's rules
            seconds = fill(cluster, self.options.keys, (STATES, BEGINNING, *KNOWN), {"base": BASE.isoformat()})
            say(f"{self.label}: loaded in {seconds:.0f} s")
            first, _ = self.detect(BASE)
            self.details["first_run_s"] = first.wall_s
            say(f"{self.label}: the first run made {self.options.keys:,} states of {HISTORY} hours in {first.wall_s:.0f} s,"
                f" {first.rss_kib / 1024:.0f} MiB")
            hours = [self.hour(BASE + timedelta(hours=n)) for n in range(self.options.repeats)]
            steps = self.steps(cluster.place)
        self.judge(hours, steps)
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            self.rebuild()

    def rebuild(self):
        """`anomalies rebuild` has no --as-of: its 26 weeks end with the last hour that is closed."""
        self.cluster.run_job("expire-keys")
        until = datetime.now(timezone.utc).replace(minute=0, second=0, microsecond=0) - timedelta(hours=1)
        begin = until - timedelta(weeks=WEEKS)
        keys = self.options.rebuilt
        seconds = fill(self.cluster, keys, (STATES, WORK, *KNOWN),
                       {"base": until.isoformat(), "begin": begin, "hours": WEEKS * 7 * 24})
        self.cluster.sql(CLOSE, {"until": until})
        hours = self.cluster.value("select count(*) from keyrota.usage_hour")
        say(f"{hours:,} hours of {keys:,} keys: loaded in {seconds:.0f} s")
        outcome = self.cluster.keyrota("anomalies", "rebuild", "--from", instant(begin))
        states = self.cluster.value("select count(*) from keyrota.detector_state where last_hour_at >= %s",
                                    (until - timedelta(hours=2),))
        if states != keys:
            raise BenchError(f"{states} states were made:\n{outcome.output}{outcome.errors}")
        say(f"rebuilt in {outcome.wall_s:.1f} s, {outcome.rss_kib / 1024:.0f} MiB")
        self.details["rebuild"] = {"keys": keys, "hours": hours, "whole_s": outcome.wall_s, "rss_kib": outcome.rss_kib}
        self.figures.append(no_more_than(f"rebuild of {keys:,} keys from {WEEKS} weeks, {hours:,} hours", outcome.wall_s, 600, "s"))
        self.figures.append(no_more_than("peak RSS of the rebuild", outcome.rss_kib / 1024, 128, "MiB"))

    def steps(self, place):
        """@returns nanoseconds of CPU a step, of several runs."""
        program = place / "detector_step"
        sources = [SOURCE / "tests/bench/detector_step.cpp", *(SOURCE / f"common/anomaly/{name}.cpp" for name in DETECTOR)]
        subprocess.run(["c++", "-std=c++20", "-O2", f"-I{SOURCE}/common", *map(str, sources), "-o", str(program)], check=True)
        outputs = [subprocess.run([program], check=True, capture_output=True, text=True).stdout for _ in range(5)]
        return [float(output.split()[0]) for output in outputs]

    def detect(self, until):
        self.cluster.sql(CLOSE, {"until": until})
        outcome, report = self.cluster.run_job("detect-anomalies", "--as-of", instant(until + timedelta(minutes=15)))
        if not report["complete"]:
            raise BenchError(f"not the run that was to be measured: {report}")
        return outcome, report

    def hour(self, begin):
        active = self.options.active
        self.cluster.sql(HOUR, {"every": self.options.keys // active, "hour": begin, "active": active})
        self.cluster.settle(TABLES)
        floor = self.floor(begin)
        self.cluster.settle(TABLES)
        self.cluster.forget_statements()
        outcome, report = self.detect(begin + timedelta(hours=1))
        stepped = next(check["found"] for check in report["checks"] if check["check"] == "detect")
        if stepped < active:
            raise BenchError(f"{stepped} keys were stepped: {report}")
        hour = {"hour": instant(begin), "floor_s": floor, "whole_s": outcome.wall_s, "stepped": stepped,
                "rss_kib": outcome.rss_kib, "statements": self.cluster.statements()[:12]}
        self.details["hours"].append(hour)
        say(f"{self.label}: floor {sum(floor.values()):.2f} s ({', '.join(f'{k} {v:.2f}' for k, v in floor.items())});"
            f" run {outcome.wall_s:.2f} s, {stepped:,} keys")
        return hour

    def floor(self, hour):
        """@returns seconds of each part. What the UPDATE did is rolled back."""
        connection = self.cluster.connect("keyrota_runner")
        seconds = {}
        try:
            with connection.cursor() as cursor, open("/dev/null", "wb") as nowhere, tempfile.TemporaryFile() as states:
                cursor.execute("set work_mem = '64MB'")  # as a run has it
                cursor.execute("create temporary table moved (key_id bigint, state bytea, last_hour_at timestamptz,"
                               " last_alarm_at timestamptz, next_due_at timestamptz)")
                cursor.copy_expert(STORED.format(columns=MOVED, hour=hour.isoformat()), states)
                states.seek(0)

                def timed(name, work):
                    started = time.perf_counter()
                    work()
                    seconds[name] = time.perf_counter() - started

                timed("out", lambda: cursor.copy_expert(OUT.format(hour=hour.isoformat()), nowhere))
                timed("in", lambda: cursor.copy_expert(f"copy pg_temp.moved ({MOVED}) from stdin (format binary)", states))
                cursor.execute("analyze pg_temp.moved")
                timed("update", lambda: cursor.execute(UPDATE))
                if cursor.rowcount != self.options.active:
                    raise BenchError(f"the floor moved {cursor.rowcount} states")
            connection.rollback()
        finally:
            connection.close()
        return seconds

    def judge(self, hours, steps):
        whole, floor = [h["whole_s"] for h in hours], [sum(h["floor_s"].values()) for h in hours]
        self.figures.append(at_most(f"an hour ({self.label})", spread(whole), spread(floor),
                                    median(w / f for w, f in zip(whole, floor)), 1.6))
        self.figures.append(no_more_than("a step", median(steps), 150, "ns of CPU"))
        self.figures.append(no_more_than("peak RSS of runs", self.cluster.peak_rss_kib / 1024, 128, "MiB"))


def run(options):
    bench = AnomalySpeedBench(options)
    say(f"{options.repeats} hours, {options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
