#!/usr/bin/python3
"""`./dev bench console`: what a person waits for at 10 million keys, and what it takes of memory.

The keys and the first night of `./dev bench audits`: every fifth has a finding. Then status, a page of keys by number and by
name, one key, whole lists and the report. The floor of a whole list is the server's own COPY of the same columns to /dev/null.

Needs python3-psycopg2 and the program; makes a server of its own under --dir and removes it again (10 million keys take
about 14 GB there). Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import time
from datetime import timedelta
from statistics import median

import audits
from bench_cluster import BenchCluster, BenchError, instant, run_as_program, run_program, say
from bench_figures import Figure, conclude, no_more_than, spread
from bench_options import bench_parser
from key_data import fill

NOW = audits.BASE
# What `keys list --csv` shows of a key.
LISTED = """
copy (select k.key_id, k.name, k.type, k.environment, k.prefix, k.hint, k.scopes, p.name, k.created_at, s.status, s.expires_at,
             a.last_used_at, o.email
        from keyrota.api_key k join keyrota.api_key_state s using (key_id) left join keyrota.api_key_activity a using (key_id)
        left join keyrota.owner o using (owner_id) left join keyrota.service_plan p using (service_plan_id)
       order by k.key_id desc) to '/dev/null'
"""


def parse_arguments():
    parser = bench_parser(__doc__, quick="50,000 keys, twice", repeats=5)
    parser.add_argument("--keys", type=int, default=10_000_000)
    options = parser.parse_args()
    if options.quick:
        options.keys, options.repeats = 50_000, 2
    return options


class ConsoleBench:
    def __init__(self, options):
        self.options, self.label = options, f"{options.keys:,} keys"
        self.figures, self.details, self.rss_kib = [], {"keys": options.keys}, 0

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            cluster.run_job("expire-keys", "--as-of", instant(NOW - timedelta(days=2)))  # makes the policy's rules
            seconds = fill(cluster, self.options.keys, (audits.STATES, audits.SCOPES, *audits.KNOWN), {"base": NOW.isoformat()},
                           made_by=audits.OWN_KEYS, used_by=audits.ACTIVITY)
            for job in audits.JOBS:
                cluster.run_job(job, "--as-of", instant(NOW))
            cluster.settle(audits.TABLES)
            say(f"{self.label}: loaded in {seconds:.0f} s, and a night was run")
            middle = str(self.options.keys // 2)
            self.look("status", ("status", "--as-of", instant(NOW)), goal_s=.1, expect=(0, 13))
            self.look("a page of keys", ("keys", "list"), goal_s=1)
            self.look("a page in the middle", ("keys", "list", "--after", middle), goal_s=1)
            self.look("one key with its lineage and findings", ("keys", "show", middle), goal_s=1)
            self.look("the first page by name", ("keys", "list", "--sort", "name"), goal_s=None)
            self.whole_list()
            self.report()
        self.figures.append(no_more_than("peak RSS, lists and pages", self.rss_kib / 1024, 64, "MiB"))

    def keyrota(self, *words, expect=(0,)):
        outcome = run_program([self.cluster.program, "--data-dir", str(self.cluster.place / "data"), *words], discard=True)
        if outcome.exit_code not in expect:
            raise BenchError(f"keyrota {' '.join(words)} ended with {outcome.exit_code}:\n{outcome.errors}")
        return outcome

    def look(self, name, words, goal_s, expect=(0,)):
        seen = [self.keyrota(*words, expect=expect) for _ in range(self.options.repeats)]
        seconds = [outcome.wall_s for outcome in seen]
        self.rss_kib = max([self.rss_kib, *(outcome.rss_kib for outcome in seen)])
        self.details[name] = seconds
        say(f"{self.label}: {name} {spread(seconds)}")
        goal, met = (f"<= {goal_s:g} s", median(seconds) <= goal_s) if goal_s else ("-", None)
        self.figures.append(Figure(f"{name} ({self.label})", spread(seconds), "-", None, goal, met))

    def whole_list(self):
        floor = time.perf_counter()
        self.cluster.sql(LISTED)
        floor = time.perf_counter() - floor
        for name, words in (("all keys as CSV", ("keys", "list", "--csv")), ("all findings as JSON", ("findings", "list", "--json"))):
            outcome = self.keyrota(*words)
            self.rss_kib = max(self.rss_kib, outcome.rss_kib)
            self.details[name] = outcome.wall_s
            say(f"{self.label}: {name} {outcome.wall_s:.1f} s in {outcome.rss_kib / 1024:.1f} MiB")
            keys = words[0] == "keys"
            self.figures.append(Figure(f"{name} ({self.label})", f"{outcome.wall_s:.1f} s", f"{floor:.1f} s" if keys else "-",
                                       outcome.wall_s / floor if keys else None, "-", None))

    def report(self):
        page = self.cluster.place / "report.html"
        outcome = self.keyrota("report", "--as-of", instant(NOW), "--out", str(page))
        size = page.stat().st_size / 2**20
        self.details["report"] = {"wall_s": outcome.wall_s, "bytes": page.stat().st_size, "rss_kib": outcome.rss_kib}
        say(f"{self.label}: report {outcome.wall_s:.1f} s, {size:.2f} MiB, in {outcome.rss_kib / 1024:.1f} MiB of memory")
        self.figures += [Figure(f"report ({self.label})", f"{outcome.wall_s:.1f} s", "-", None, "-", None),
                         no_more_than("size of the report", size, 2, "MiB"),
                         no_more_than("peak RSS, report", outcome.rss_kib / 1024, 128, "MiB")]


def run(options):
    bench = ConsoleBench(options)
    say(f"{options.repeats} of each, {options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
