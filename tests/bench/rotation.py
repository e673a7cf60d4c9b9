#!/usr/bin/python3
"""`./dev bench rotation`: how fast successors are made and delivered into files, and how fast a breach ends keys.

10,000 keys that are due get successors by one run of rotate-keys, through the file sink, with audit. Then 100,000 keys are
breached at once, against the bare UPDATE of their states with one audit entry each, sealed, in the same batches.

Needs python3-psycopg2 and the program; makes a server of its own under --dir and removes it again. Exit 0: all figures met
(or --quick), 1: one missed, 2: the bench failed.
"""

import json
import time
from datetime import datetime, timezone
from statistics import median

from bench_cluster import BenchCluster, BenchError, run_as_program, say
from bench_figures import Figure, at_most, conclude, no_more_than, spread
from bench_options import bench_parser
from key_data import fill

BATCH = 1000
STATES = """
insert into keyrota.api_key_state (key_id, status, expires_at)
select i, 'active', case when i %% 3 = 0 then timestamptz %(base)s + interval '300 days' end
  from generate_series(1, %(keys)s::bigint) i
"""
# A breach of the same keys without all that it is for: no finding, no mark, no look at what the key was.
BARE = """
with ended as (
    update keyrota.api_key_state s
       set status = 'expired', expires_at = least(s.expires_at, now()), retire_at = null
     where s.key_id between %(first)s and %(last)s and s.status <> 'expired'
    returning s.key_id, jsonb_build_object('status', s.status, 'expires_at_us', keyrota.micros(s.expires_at)) as after
)
insert into keyrota.audit_entry (key_id, block_id, payload)
select key_id, %(block)s,
       jsonb_build_object('action', 'key.breach', 'key_id', key_id, 'run_id', null, 'at_us', keyrota.micros(now()),
                          'actor', jsonb_build_object('session_user', session_user), 'before', '{"status": "active"}'::jsonb,
                          'after', after, 'why', '{"reason": "breach"}'::jsonb)::text
  from ended
"""
TABLES = ["keyrota." + name for name in ("api_key", "api_key_state", "api_key_secret", "rotation", "finding", "audit_entry")]


def parse_arguments():
    parser = bench_parser(__doc__, quick="500 rotations, 3,000 breached keys", repeats=3)
    parser.add_argument("--rotations", type=int, default=10_000)
    parser.add_argument("--breached", type=int, default=100_000)
    options = parser.parse_args()
    if options.quick:
        options.rotations, options.breached, options.repeats = 500, 3000, 1
    return options


class RotationBench:
    def __init__(self, options):
        self.options, self.figures = options, []
        self.details = {"rotations": [], "breaches": []}

    def run(self):
        keys = self.options.repeats * (self.options.rotations + 2 * self.options.breached)
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            secrets = cluster.place / "secrets"
            secrets.mkdir(mode=0o700)
            self.config = cluster.place / "keyrota.yaml"
            self.config.write_text(f"sinks: [{{name: files, type: file, directory: {secrets}}}]\n"
                                   "policy: {defaults: {rotation: {sink: files}}}\n")
            self.config.chmod(0o600)
            cluster.run_job("expire-keys")  # makes the policy's rules
            seconds = fill(cluster, keys, (STATES,), {"base": datetime.now(timezone.utc).isoformat()})
            say(f"{keys:,} keys loaded in {seconds:.0f} s")
            self.next_key = 1
            for n in range(self.options.repeats):  # first: the policy has no sink as yet, so none is asked
                self.breach(n)
            # Now it has: each key is given its rule, which is nothing of a rotation.
            cluster.keyrota("--config", str(self.config), "run", "expire-keys")
            for _ in range(self.options.repeats):
                self.rotate()
        self.judge()

    def take(self, count):
        first = self.next_key
        self.next_key += count
        return first, self.next_key - 1

    def rotate(self):
        first, last = self.take(self.options.rotations)
        self.cluster.sql("insert into keyrota.rotation (key_id, token, reason, state, sink, overlap)"
                         " select i, gen_random_uuid(), 'manual', 'requested', 'files', interval '7 days'"
                         "   from generate_series(%s, %s::bigint) i", (first, last))
        self.cluster.settle(TABLES)
        self.cluster.forget_statements()
        outcome = self.cluster.keyrota("--config", str(self.config), "run", "rotate-keys", "--json")
        report = json.loads(outcome.output)[0]
        delivered = self.cluster.value("select count(*) from keyrota.rotation where state = 'delivered'"
                                       " and key_id between %s and %s", (first, last))
        if delivered != self.options.rotations or not report["complete"]:
            raise BenchError(f"{delivered} were delivered: {report}")
        self.cluster.peak_rss_kib = max(self.cluster.peak_rss_kib, outcome.rss_kib)
        rate = self.options.rotations / outcome.wall_s
        self.details["rotations"].append({"wall_s": outcome.wall_s, "rate": rate, "rss_kib": outcome.rss_kib,
                                          "statements": self.cluster.statements()[:12]})
        say(f"{self.options.rotations:,} rotations in {outcome.wall_s:.2f} s: {rate:,.0f} a second,"
            f" {outcome.rss_kib / 1024:.1f} MiB")

    def bare(self, first, last):
        connection = self.cluster.connect("keyrota_runner")
        started = time.perf_counter()
        try:
            with connection.cursor() as cursor:
                for begin in range(first, last + 1, BATCH):
                    cursor.execute("select nextval('keyrota.audit_block_id_seq')")
                    block = cursor.fetchone()[0]
                    cursor.execute(BARE, {"first": begin, "last": min(begin + BATCH - 1, last), "block": block})
                    cursor.execute("select keyrota.audit_seal(%s)", (block,))
                    connection.commit()
        finally:
            connection.close()
        return time.perf_counter() - started

    def breach(self, n):
        first, last = self.take(self.options.breached)
        hint = f"br{n:02}"
        self.cluster.sql("update keyrota.api_key set prefix = 'sk_live_', hint = %s where key_id between %s and %s",
                         (hint, first, last))
        self.cluster.settle(TABLES)
        floor = self.bare(*self.take(self.options.breached))
        self.cluster.settle(TABLES)
        self.cluster.forget_statements()
        outcome = self.cluster.keyrota("breach", f"sk_live_...{hint}", "--all-matching", "--yes", "--json-output")
        if json.loads(outcome.output)["ended"] != self.options.breached:
            raise BenchError(outcome.output)
        self.cluster.peak_rss_kib = max(self.cluster.peak_rss_kib, outcome.rss_kib)
        self.details["breaches"].append({"floor_s": floor, "wall_s": outcome.wall_s, "rss_kib": outcome.rss_kib,
                                         "statements": self.cluster.statements()[:12]})
        say(f"breach of {self.options.breached:,}: {outcome.wall_s:.2f} s, bare UPDATE with audit {floor:.2f} s")

    def judge(self):
        rates = [r["rate"] for r in self.details["rotations"]]
        self.figures.append(Figure("rotations through the file sink", spread(rates, "/s"), "-", None, ">= 1000 /s",
                                   median(rates) >= 1000))
        walls = [b["wall_s"] for b in self.details["breaches"]]
        floors = [b["floor_s"] for b in self.details["breaches"]]
        self.figures.append(at_most(f"breach of {self.options.breached:,} keys", spread(walls), spread(floors),
                                    median(walls) / median(floors), 1.5))
        self.figures.append(no_more_than("peak RSS", self.cluster.peak_rss_kib / 1024, 64, "MiB"))


def run(options):
    bench = RotationBench(options)
    say(f"{options.repeats} of each, {options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
