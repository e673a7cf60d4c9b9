#!/usr/bin/python3
"""`./dev bench audit`: what verifying the audit trail costs, against reading the same rows and throwing them away.

The floor is the server's own `COPY ... TO '/dev/null'` of the same columns, which sends nothing to anybody; its binary format,
which also formats nothing, is shown beside it. The trail is of blocks of 1,000 entries as a nightly run writes them, or of
--block-size.

Needs python3-psycopg2 and the program; makes a server of its own under --dir and removes it again (10 million entries
take about 8 GB there). Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import json
import os
import random
import threading
import time
from pathlib import Path
from statistics import median

from bench_cluster import BenchCluster, BenchError, load_average, run_as_program, say
from bench_figures import Figure, at_most, conclude, no_more_than, spread
from bench_options import bench_parser

FLOOR = """
copy (select block_id, entry_id, key_id, payload, action, run_id, at_us from keyrota.audit_entry)
  to '/dev/null' (format {})
"""
# What expire-keys writes for a block of keys.
FILL = """
insert into keyrota.audit_entry (key_id, block_id, payload)
select i, %(block_id)s,
       jsonb_build_object('action', 'key.expire', 'key_id', i, 'run_id', 1 + i / 100000,
                          'at_us', keyrota.micros(timestamptz '2026-06-01' + i * interval '1 millisecond'),
                          'actor', jsonb_build_object('os_user', 'keyrota', 'host', 'runner1.example.com',
                                                      'session_user', 'keyrota_runner'),
                          'before', '{"status": "active"}'::jsonb, 'after', '{"status": "expired"}'::jsonb,
                          'why', jsonb_build_object('check', 'KEY-EXPIRED', 'as_of_us', 1780272000000000,
                                                    'evidence', jsonb_build_object('expires_at_us', 1780271000000000 + i)))::text
  from generate_series(%(first)s::bigint, %(last)s::bigint) i
"""
LOADERS = 2
METHODS = ("floor", "binary", "verify")


def cpu_of(stat):
    """CPU seconds of one process so far."""
    fields = stat.read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime, stime


def parse_arguments():
    parser = bench_parser(__doc__, quick="200,000 entries, 2 repeats", repeats=5)
    parser.add_argument("--entries", type=int, default=10_000_000)
    parser.add_argument("--block-size", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=None, help="of the order of the two")
    options = parser.parse_args()
    if options.quick:
        options.entries, options.repeats = 200_000, 2
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    return options


class AuditBench:
    def __init__(self, options):
        self.options = options
        self.label = f"{options.entries:,} entries in blocks of {options.block_size:,}"
        self.figures, self.details = [], {"entries": options.entries, "block_size": options.block_size, "runs": []}

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            self.load()
            for i in range(self.options.repeats):
                self.measure(random.Random(f"{self.options.seed} {i}"))
            self.export()
        self.judge()

    def load(self):
        """By several sessions at a time, each block a transaction of the runner's: as the real one comes to be."""
        started = time.perf_counter()
        size = self.options.block_size
        firsts = list(range(1, self.options.entries + 1, size))
        failures = []

        def fill(mine):
            connection = self.cluster.connect("keyrota_runner")
            try:
                with connection.cursor() as cursor:
                    cursor.execute("set synchronous_commit = off")
                    for first in mine:
                        cursor.execute("select nextval('keyrota.audit_block_id_seq')")
                        block_id = cursor.fetchone()[0]
                        cursor.execute(FILL, {"block_id": block_id, "first": first,
                                              "last": min(first + size - 1, self.options.entries)})
                        cursor.execute("select keyrota.audit_seal(%s)", (block_id,))
                        connection.commit()
            except Exception as error:  # pylint: disable=broad-except
                failures.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=fill, args=(firsts[n::LOADERS],)) for n in range(LOADERS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise BenchError(f"the trail could not be filled: {failures[0]}")
        self.cluster.settle(["keyrota.audit_entry", "keyrota.audit_block"])
        size_mib = self.cluster.value("select pg_table_size('keyrota.audit_entry')") / 2**20
        say(f"{self.label}: {size_mib:,.0f} MiB, loaded in {time.perf_counter() - started:.0f} s")

    def copy(self, form):
        backend = Path(f"/proc/{self.cluster.value('select pg_backend_pid()')}/stat")
        cpu, started = cpu_of(backend), time.perf_counter()
        self.cluster.sql(FLOOR.format(form))
        return {"wall_s": time.perf_counter() - started, "server_cpu_s": cpu_of(backend) - cpu}

    def floor(self):
        return self.copy("text")

    def binary(self):
        return self.copy("binary")

    def verify(self):
        cpu = self.cluster.server_cpu()
        outcome = self.cluster.keyrota("audit", "verify", "--json")
        verdict = json.loads(outcome.output)
        if not verdict["intact"] or verdict["entries_total"] < self.options.entries:
            raise BenchError(f"not the trail that was to be verified: {verdict}")
        self.cluster.peak_rss_kib = max(self.cluster.peak_rss_kib, outcome.rss_kib)
        return {"wall_s": outcome.wall_s, "server_cpu_s": self.cluster.server_cpu() - cpu, "client_cpu_s": outcome.cpu_s,
                "rss_kib": outcome.rss_kib}

    def measure(self, order):
        done = {}
        for method in order.sample(METHODS, len(METHODS)):
            done[method] = getattr(self, method)()
        self.details["runs"].append({**done, "load": load_average()})
        floor, binary, verified = (done[method] for method in METHODS)
        say(f"{self.label}: copy {floor['wall_s']:.2f} s (CPU {floor['server_cpu_s']:.2f} s), binary {binary['wall_s']:.2f} s"
            f" ({binary['server_cpu_s']:.2f} s); verify {verified['wall_s']:.2f} s (server {verified['server_cpu_s']:.2f} s,"
            f" itself {verified['client_cpu_s']:.2f} s) in {verified['rss_kib'] / 1024:.1f} MiB")

    def export(self):
        """For information: once, of everything."""
        outcome = self.cluster.keyrota("audit", "export", "--out", str(self.cluster.place / "trail.jsonl"))
        self.cluster.peak_rss_kib = max(self.cluster.peak_rss_kib, outcome.rss_kib)
        rate = self.options.entries / outcome.wall_s
        self.figures.append(Figure("export as JSON lines", f"{outcome.wall_s:.1f} s, {rate:,.0f} entries/s", "-", None, "-", None))

    def judge(self):
        floor, binary, verify = ([run[method]["wall_s"] for run in self.details["runs"]] for method in METHODS)
        self.figures[:0] = [
            at_most(f"verify ({self.label})", spread(verify), spread(floor), median(verify) / median(floor), 2),
            Figure("the same against a binary copy", spread(verify), spread(binary), median(verify) / median(binary), "-", None)]
        self.figures.append(no_more_than("peak RSS", self.cluster.peak_rss_kib / 1024, 64, "MiB"))


def run(options):
    bench = AuditBench(options)
    say(f"{options.repeats} repeats, seed {options.seed}, {options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
