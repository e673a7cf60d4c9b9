#!/usr/bin/python3
"""`./dev bench usage`: what it costs to roll samples up, against one INSERT ... SELECT ... GROUP BY of the same samples.

One hour's samples of keys that were used before: sums, scopes, networks, last use and the watermark, exactly once, in one
run of rollup-usage; the floor makes the sums alone, in an empty table. Then the same with five times as many samples before
them, and with a gateway that writes all the while.

Needs python3-psycopg2 and the program; makes a server of its own under --dir and removes it again. Exit 0: all figures met
(or --quick), 1: one missed, 2: the bench failed.
"""

import threading
import time
from statistics import median

from bench_cluster import BenchCluster, BenchError, run_as_program, say
from bench_figures import at_least, at_most, conclude, no_more_than, spread
from bench_options import bench_parser

SAMPLES_A_KEY = 11  # ten million samples of 909,000 keys, as in the goal
KEYS = """
insert into keyrota.api_key (lineage_id, name, type, environment, prefix, hint)
select i, 'key ' || i, 'secret', 'production', 'sk_live_', 'abcd' from generate_series(1, %s) i
"""
ACTIVITY = "insert into keyrota.api_key_activity (key_id) select key_id from keyrota.api_key"
# A key has a main scope and two networks; some are called far more often than others.
SAMPLES = """
insert into keyrota.usage_sample (key_id, at, gateway, requests, client_errors, scope, network)
select k, now() - %(ago)s * interval '1 hour' - random() * interval '10 minutes', 'edge-' || k %% 3,
       1 + (random() * 3)::int, (random() < 0.05)::int,
       (array['read:experiences', 'write:experiences', 'read:consumers', 'read:analytics'])
           [1 + (k + (random() < 0.2)::int) %% 4],
       ('10.' || k %% 200 || '.' || (random() < 0.3)::int || '.0/24')::cidr
  from (select (random() * (%(keys)s - 1))::bigint + 1 as k from generate_series(1, %(samples)s)) s
"""
FLOOR = """
insert into floor_hour (key_id, hour, requests, client_errors, server_errors, rate_limited, query_auth, browser_requests)
select key_id, date_trunc('hour', at), sum(requests), sum(client_errors), sum(server_errors), sum(rate_limited),
       coalesce(sum(requests) filter (where auth = 'query'), 0), coalesce(sum(requests) filter (where browser), 0)
  from keyrota.usage_sample
 where xid >= (select xid from keyrota.usage_watermark)
 group by 1, 2 order by 1, 2
"""
INSERT = ("insert into keyrota.usage_sample (key_id, at, gateway, requests, scope, network)"
          " values (1, now(), 'edge-0', 1, 'read:analytics', '10.0.0.0/24')")
TABLES = ["keyrota." + n for n in ("usage_sample", "usage_hour", "usage_scope", "usage_network", "api_key_activity")]


def parse_arguments():
    parser = bench_parser(__doc__, quick="50,000 samples, once", repeats=5)
    parser.add_argument("--samples", type=int, default=10_000_000, help="new samples of each rollup")
    options = parser.parse_args()
    if options.quick:
        options.samples, options.repeats = 50_000, 1
    return options


class Writer:
    """A gateway that appends a sample at a time, as fast as it can: `with Writer(cluster) as writer`, then writer.rate."""

    def __init__(self, cluster):
        self.connection = cluster.connect("keyrota_gateway")
        self.connection.autocommit = True
        self.stop, self.total = threading.Event(), 0
        self.thread = threading.Thread(target=self._write)

    def _write(self):
        with self.connection.cursor() as cursor:
            while not self.stop.is_set():
                cursor.execute(INSERT)
                self.total += 1

    def __enter__(self):
        self.started = time.perf_counter()
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()
        self.rate = self.total / (time.perf_counter() - self.started)
        self.connection.close()


class UsageBench:
    def __init__(self, options):
        self.options, self.keys = options, max(1, options.samples // SAMPLES_A_KEY)
        self.label = f"{options.samples:,} samples of {self.keys:,} keys"
        self.figures, self.details = [], {"samples": options.samples, "keys": self.keys, "rollups": []}

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            cluster.sql(KEYS, (self.keys,))
            cluster.sql(ACTIVITY)
            cluster.sql("create table floor_hour (like keyrota.usage_hour including all)")
            self.append(2)
            self.roll_up("the first use of all keys")
            near = [self.measure("history 1x") for _ in range(self.options.repeats)]
            while cluster.value("select count(*) from keyrota.usage_sample") < 5 * near[0]["history"]:
                self.append(1)
                self.roll_up("more history")
            far = [self.measure("history 5x") for _ in range(self.options.repeats)]
            self.writers()
        self.judge(near, far)

    def append(self, ago):
        self.cluster.sql(SAMPLES, {"ago": ago, "keys": self.keys, "samples": self.options.samples})
        self.cluster.settle(TABLES)

    def roll_up(self, what):
        self.cluster.forget_statements()
        outcome, report = self.cluster.run_job("rollup-usage")
        step = [check for check in report["checks"] if check["check"] == "roll-up"][0]
        if not report["complete"] or step["applied"] < self.options.samples:
            raise BenchError(f"not what was to be measured: {report}")
        statements = self.cluster.statements()
        server = sum(s["exec_ms"] for s in statements if "usage_grain" in s["query"] or "with seen" in s["query"]) / 1000
        say(f"{what}: {outcome.wall_s:.2f} s")
        return {"whole_s": outcome.wall_s, "rss_kib": outcome.rss_kib, "server_s": server, "statements": statements[:12]}

    def measure(self, what):
        history = self.cluster.value("select count(*) from keyrota.usage_sample")
        self.append(0)
        connection = self.cluster.connect("postgres")
        with connection.cursor() as cursor:
            cursor.execute("set work_mem = '64MB'")
            started = time.perf_counter()
            cursor.execute(FLOOR)
            floor = time.perf_counter() - started
            if cursor.rowcount < 1:
                raise BenchError("the floor had nothing to do")
        connection.rollback()
        connection.close()
        measured = self.roll_up(what)
        measured.update({"history": history + self.options.samples, "floor_s": floor})
        say(f"{what}: floor {floor:.2f} s, ratio {measured['whole_s'] / floor:.2f}")
        self.details["rollups"].append(measured)
        return measured

    def writers(self):
        """A gateway's rate with and without a rollup beside it, alternating."""
        alone, beside = [], []
        for _ in range(self.options.repeats):
            self.append(0)
            with Writer(self.cluster) as writer:
                time.sleep(1 if self.options.quick else 5)
            alone.append(writer.rate)
            with Writer(self.cluster) as writer:
                self.roll_up("beside a writer")
            beside.append(writer.rate)
        self.details["writers"] = {"alone": alone, "beside": beside}
        self.figures.append(at_least("writer beside a rollup", spread(beside, "/s"), spread(alone, "/s"),
                                     median(beside) / median(alone), 0.85))

    def judge(self, near, far):
        for what, runs in (("history 1x", near), ("history 5x", far)):
            whole, floor = [r["whole_s"] for r in runs], [r["floor_s"] for r in runs]
            self.figures.append(at_most(f"rollup, {what} ({self.label})", spread(whole), spread(floor),
                                        median(whole) / median(floor), 1.3))
        grown = median(r["whole_s"] / r["floor_s"] for r in far) / median(r["whole_s"] / r["floor_s"] for r in near)
        self.figures.append(at_most("the same, 5x against 1x", f"{grown:.2f}", "1", grown, 1.15))
        self.figures.append(no_more_than("peak RSS of runs", self.cluster.peak_rss_kib / 1024, 64, "MiB"))


def run(options):
    bench = UsageBench(options)
    say(f"{bench.label}, {options.repeats} times, {options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
