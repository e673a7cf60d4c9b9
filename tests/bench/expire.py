#!/usr/bin/python3
"""`./dev bench expire`: what expiring costs, against one giant statement, a row loop and an undisturbed gateway.

Needs python3-psycopg2 and the program; makes a server of its own under --dir and removes it again (10 million keys take
about 10 GB there). Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import random
import time
from dataclasses import asdict
from datetime import timedelta
from statistics import median

import expire_methods as methods
from bench_cluster import BenchCluster, BenchError, load_average, run_as_program, say
from bench_figures import at_least, at_most, conclude, no_more_than, percentile, spread
from bench_options import bench_parser
from expire_data import BASE, MEASURED_TABLES, dataset_for, load
from gateway_lookups import GatewayLookups

ROW_LOOP_SIZE = 20_000
LOOKUPS_A_SECOND = 200
GOALS = {"clustered": {"apply": 0.80, "whole": 0.65}, "scattered": {"apply": 0.65, "whole": 0.50}}
METHODS = {"floor": methods.floor, "row loop": methods.row_loop, "keyrota": methods.keyrota}


def parse_arguments():
    parser = bench_parser(__doc__, quick="200,000 keys, 5,000 due, 2 repeats", repeats=5)
    parser.add_argument("--keys", type=int, default=10_000_000)
    parser.add_argument("--sizes", default="100000,1000000", help="how many keys are due, comma-separated")
    parser.add_argument("--layouts", default="clustered,scattered")
    parser.add_argument("--seed", type=int, default=None, help="of the order of methods and of the scattered layout")
    options = parser.parse_args()
    if options.quick:
        options.keys, options.sizes, options.repeats = 200_000, "5000", 2
    options.sizes = [int(size) for size in options.sizes.split(",")]
    options.layouts = options.layouts.split(",")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    unknown = [layout for layout in options.layouts if layout not in GOALS]
    if unknown:
        parser.error(f"no such layout: {unknown[0]}")
    return options


class ExpireBench:
    """One dataset: one layout, one number of due keys."""

    def __init__(self, options, layout, size):
        self.options, self.layout, self.size = options, layout, size
        self.random = random.Random(f"{options.seed} {layout} {size}")
        # The row loop and the lookups are asked for at the smaller size only.
        self.is_smallest = size == min(options.sizes)
        self.lookup_repeats = 0
        row_loop = lookups = 0
        if self.is_smallest:
            row_loop = min(ROW_LOOP_SIZE, size)
            self.lookup_repeats = options.repeats if options.quick else max(5, options.repeats)
            lookups = self.lookup_repeats * size
        self.sizes = {"floor": size, "keyrota": size}
        if row_loop:
            self.sizes["row loop"] = row_loop
        self.data = dataset_for(layout, options.keys, options.repeats * sum(self.sizes.values()) + lookups)
        self.label = f"{layout}, {size:,} of {self.data.keys:,}"
        self.figures = []
        self.details = {"layout": layout, "due": size, "keys": self.data.keys, "long_expired": self.data.expired}

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            self.move_watermark(BASE, "standing")  # over no keys yet
            seconds = load(cluster, self.data, self.options.seed)
            say(f"{self.label}: loaded in {seconds:.0f} s")
            if self.is_smallest:
                self.idle()
            self.expire()
            if self.is_smallest:
                self.lookups()
            self.sweep()
            self.audit()

    # --- the watermark

    def move_watermark(self, instant, expected_pass="incremental"):
        """A run that finds nothing. @returns its server time in ms."""
        self.cluster.forget_statements()
        _, report = self.cluster.run_job("expire-keys", "--as-of", methods.as_argument(instant))
        if not report["complete"] or any(c["pass"] != expected_pass or c["found"] > 0 for c in report["checks"]):
            raise BenchError(f"a run over nothing due found something: {report}")
        return sum(s["exec_ms"] + s["plan_ms"] for s in self.cluster.statements())

    # --- an idle run

    def idle(self):
        times = []
        for repeat in range(1, self.options.repeats + 1):
            times.append(self.move_watermark(BASE + timedelta(minutes=repeat)))
        self.details["idle_ms"] = times
        self.details["idle_statements"] = self.cluster.statements()
        self.figures.append(no_more_than(f"idle expire, server time ({self.label})", median(times), 50, "ms"))

    # --- expiring

    def expire(self):
        measured = {method: [] for method in self.sizes}
        written = {method: [] for method in self.sizes}
        for repeat in range(self.options.repeats):
            order = list(self.sizes)
            self.random.shuffle(order)
            for method in order:
                window = self.data.next_window(self.sizes[method])
                self.cluster.settle(MEASURED_TABLES)
                self.cluster.forget_statements()
                cpu = self.cluster.server_cpu()
                result = METHODS[method](self.cluster, window)
                result.server_cpu_s = self.cluster.server_cpu() - cpu
                result.statements = self.cluster.statements()[:12]
                result.load = load_average()
                measured[method].append(result)
                written[method].append(methods.verify(self.cluster, window))
                if method != "keyrota":
                    self.move_watermark(window.until)
                rate = result.size / result.whole_s
                phases = "" if result.apply_s is None else f" (plan {result.plan_s:.2f}, apply {result.apply_s:.2f})"
                say(f"{self.label}: {repeat + 1}: {method}: {result.whole_s:.2f} s{phases}, {rate:,.0f} rows/s,"
                    f" {result.server_cpu_s:.2f} s of server CPU, {result.wal_bytes / result.size:.0f} bytes of WAL a row")
        self.require_same_writes(written)
        self.details["expire"] = {method: [asdict(r) for r in results] for method, results in measured.items()}
        self.judge(measured)

    def require_same_writes(self, written):
        sizes = {m: tuple(round(median(v), 1) for v in zip(*all_of)) for m, all_of in written.items()}
        self.details["bytes_of_entry_and_finding"] = sizes
        for method, pair in sizes.items():
            if any(abs(a - b) > 0.02 * b for a, b in zip(pair, sizes["floor"])):
                raise BenchError(f"{method} does not write what the floor writes: {sizes}")

    def judge(self, measured):
        floors, runs, goals = measured["floor"], measured["keyrota"], GOALS[self.layout]
        floor_s = [r.whole_s for r in floors]
        for phase, seconds in (("apply", [r.apply_s for r in runs]), ("whole", [r.whole_s for r in runs])):
            self.figures.append(at_least(f"expire, {phase} ({self.label})", spread(seconds), spread(floor_s),
                                         median(floor_s) / median(seconds), goals[phase]))
        wal, floor_wal = (median(r.wal_bytes / r.size for r in side) for side in (runs, floors))
        self.figures.append(at_most(f"WAL a row ({self.label})", f"{wal:.0f} bytes", f"{floor_wal:.0f} bytes",
                                    wal / floor_wal, 1.3))
        if "row loop" in measured:
            rate = median(r.size / r.whole_s for r in runs)
            loop_rate = median(r.size / r.whole_s for r in measured["row loop"])
            self.figures.append(at_least(f"rate against a row loop ({self.label})", f"{rate:,.0f} rows/s",
                                         f"{loop_rate:,.0f} rows/s", rate / loop_rate, 5))

    # --- a gateway beside it

    def lookups(self):
        quiet, beside = [], []
        length = median(r["whole_s"] for r in self.details["expire"]["keyrota"])
        for repeat in range(self.lookup_repeats):
            window = self.data.next_window(self.size)
            self.cluster.settle(MEASURED_TABLES)
            seed = f"{self.options.seed} {self.layout} {repeat}"
            with GatewayLookups(self.cluster, self.data.keys, LOOKUPS_A_SECOND, seed) as lookups:
                time.sleep(length)
            quiet.append(lookups.seconds)
            with GatewayLookups(self.cluster, self.data.keys, LOOKUPS_A_SECOND, seed) as lookups:
                result = methods.keyrota(self.cluster, window)
            beside.append(lookups.seconds)
            length = result.whole_s
            say(f"{self.label}: {repeat + 1}: {len(quiet[-1])} lookups alone: p99 {percentile(quiet[-1], .99) * 1e3:.2f} ms,"
                f" longest {max(quiet[-1]) * 1e3:.1f} ms; {len(beside[-1])} beside a run:"
                f" p99 {percentile(beside[-1], .99) * 1e3:.2f} ms, longest {max(beside[-1]) * 1e3:.1f} ms")
        p99 = [[percentile(seconds, .99) * 1e3 for seconds in periods] for periods in (quiet, beside)]
        self.details["lookups"] = {"quiet_ms": [[round(s * 1e3, 3) for s in p] for p in quiet],
                                   "beside_ms": [[round(s * 1e3, 3) for s in p] for p in beside]}
        self.figures.append(at_most(f"lookups beside a run, p99 ({self.label})", spread(p99[1], "ms"), spread(p99[0], "ms"),
                                    median(p99[1]) / median(p99[0]), 1.5))
        longest = max(max(seconds) for seconds in beside) * 1e3
        self.figures.append(no_more_than(f"lookups beside a run, longest ({self.label})", longest, 250, "ms"))

    # --- at the end

    def sweep(self):
        """For information: the daily look at everything, with nothing due any more."""
        self.cluster.settle(MEASURED_TABLES)
        took = self.move_watermark(BASE + timedelta(hours=30), "standing")
        self.details["standing_sweep_ms"] = took
        say(f"{self.label}: the daily standing sweep took {took:.0f} ms of server time")

    def audit(self):
        peak = self.cluster.peak_rss_kib / 1024
        outcome = self.cluster.keyrota("audit", "verify")
        say(f"{self.label}: the audit trail is intact, verified in {outcome.wall_s:.1f} s")
        self.details["audit_verify"] = {"wall_s": outcome.wall_s, "rss_mib": outcome.rss_kib / 1024}
        self.figures.append(no_more_than(f"peak RSS of runs ({self.label})", peak, 64, "MiB"))


def run(options):
    say(f"seed {options.seed}, {options.repeats} repeats, {options.program}")
    figures, details = [], {"seed": options.seed, "repeats": options.repeats, "datasets": []}
    try:
        for size in options.sizes:
            for layout in options.layouts:
                bench = ExpireBench(options, layout, size)
                try:
                    bench.run()
                finally:
                    figures += bench.figures
                    details["datasets"].append(bench.details)
    finally:  # what is known is worth showing, whatever came after
        outcome = conclude(options, figures, details)
    return outcome


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
