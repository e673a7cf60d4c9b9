#!/usr/bin/python3
"""`./dev bench import`: what `keyrota keys import` costs, against a bare COPY of the same rows into the same tables.

The first import of a source into a database without keys, then the same file again. The floor reads the rows that the import
made out of the tables, empties those, and copies the rows back in one transaction, with all indexes and constraints in place
and in the order of the file: no parsing, no hashing, no comparing, no sealing.

Needs python3-psycopg2 and the program; makes a server of its own under --dir and removes it again (10 million keys take about
30 GB there). Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import json
import time

from bench_cluster import BenchCluster, BenchError, run_as_program, say
from bench_figures import Figure, at_least, conclude, no_more_than
from bench_options import bench_parser
from key_data import OWNERS

# The file, as another system would export it: ids in the order of creation, hashes in none.
FILE = """
copy (select 'key-' || lpad(i::text, 9, '0') as external_id,
             (array['checkout', 'reporting', 'warehouse sync', 'mobile app', 'billing export'])[1 + i % 5] || ' ' || i as name,
             'owner' || 1 + i % {owners} || '@example.com' as owner_email,
             case when i % 10 = 9 then 'public' else 'secret' end as type, 'production' as environment,
             case when i % 10 = 9 then 'pk_live_' else 'sk_live_' end as prefix, right(md5(i::text), 4) as hint,
             case when i % 10 = 9 then 'read:catalog' else 'read:orders write:orders read:customers' end as scopes,
             (array['Free', 'Basic', 'Pro', 'Enterprise'])[1 + i % 4] as plan,
             to_char(timestamptz '2025-01-01' + i * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as created_at,
             to_char(timestamptz '2027-01-01' + i * interval '1 second', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') as expires_at,
             case when i % 50 = 1 then 'inactive' else 'active' end as status,
             encode(sha256(convert_to(i::text, 'UTF8')), 'hex') as secret_hash
        from generate_series(1, {keys}::bigint) i) to stdout (format csv, header)
"""

# What an import writes, in the order in which foreign keys allow it.
TABLES = {
    "api_key": "key_id, source, lineage_id, owner_id, name, type, environment, prefix, hint, scopes, service_plan_id,"
               " created_at, policy_rule_id",
    "api_key_external": "source, external_id, key_id",
    "api_key_secret": "secret_hash, key_id",
    "api_key_state": "key_id, status, expires_at, deactivated_at",
    "api_key_activity": "key_id, last_used_at",
    "audit_entry": "key_id, block_id, payload",
}
MADE_OF_HASHES = ("api_key_external", "api_key_secret")  # the import writes them in the order of their indexes


def parse_arguments():
    parser = bench_parser(__doc__, quick="100,000 keys")
    parser.add_argument("--keys", type=int, default=10_000_000)
    options = parser.parse_args()
    if options.quick:
        options.keys = 100_000
    return options


class ImportBench:
    def __init__(self, options):
        self.options, self.keys = options, options.keys
        self.label = f"{options.keys:,} keys"
        self.figures, self.details = [], {"keys": options.keys}

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            cluster.run_job("expire-keys")  # makes the policy's rule
            owners = max(10, self.keys // 25)
            cluster.sql(OWNERS, {"owners": owners})
            self.file = cluster.place / "keys.csv"
            with open(self.file, "wb") as file, cluster.admin.cursor() as cursor:
                cursor.copy_expert(FILE.format(owners=owners, keys=self.keys), file)
            say(f"{self.label}: a file of {self.file.stat().st_size / 2**20:,.0f} MiB")
            first = self.measure("first", new=self.keys)
            again = self.measure("again", new=0)
            floor = self.floor()
        self.judge(first, again, floor)

    def measure(self, name, new):
        cluster = self.cluster
        cluster.settle(["keyrota.owner", *("keyrota." + table for table in TABLES)])
        cluster.forget_statements()
        wal, server_cpu = cluster.wal_position(), cluster.server_cpu()
        outcome = cluster.keyrota("keys", "import", "--source", "bench", "--format", "csv", "--json", str(self.file))
        wal, server_cpu = cluster.wal_position() - wal, cluster.server_cpu() - server_cpu
        report = json.loads(outcome.output)
        if (report["new"], report["changed"], report["read"]) != (new, 0, self.keys):
            raise BenchError(f"not the import that was to be measured: {report}")
        cluster.peak_rss_kib = max(cluster.peak_rss_kib, outcome.rss_kib)
        measured = {"wall_s": outcome.wall_s, "cpu_s": outcome.cpu_s + server_cpu, "wal_bytes": wal, "rss_kib": outcome.rss_kib,
                    "statements": cluster.statements()[:30]}
        self.details[name] = measured
        say(f"{self.label}: {name} {outcome.wall_s:.1f} s (CPU {outcome.cpu_s:.1f} s in the program and {server_cpu:.1f} s in the server),"
            f" {wal / self.keys:,.0f} bytes of WAL a key, {outcome.rss_kib / 1024:.1f} MiB")
        for statement in measured["statements"][:12]:
            print(f"    {statement['exec_ms'] / 1000:8.1f} s {statement['calls']:6} x {statement['query'][:80]}", flush=True)
        return measured

    def floor(self):
        """The same rows by COPY alone. @returns seconds by table."""
        cluster = self.cluster
        dumps = {}
        with cluster.admin.cursor() as cursor:
            for table, columns in TABLES.items():
                order = " order by key_id" if table in MADE_OF_HASHES else ""
                about_keys = " where key_id > 0" if table == "audit_entry" else ""
                dumps[table] = cluster.place / f"{table}.copy"
                with open(dumps[table], "wb") as file:
                    cursor.copy_expert(f"copy (select {columns} from keyrota.{table}{about_keys}{order})"
                                       " to stdout (format binary)", file)
        say(f"{self.label}: rows of {sum(d.stat().st_size for d in dumps.values()) / 2**20:,.0f} MiB to copy")
        for table in ("audit_entry", "audit_block"):
            cluster.sql(f"alter table keyrota.{table} disable trigger user")
        cluster.sql("truncate keyrota.audit_entry, keyrota.audit_block, keyrota.api_key cascade")
        cluster.sql("checkpoint")
        wal, cpu = cluster.wal_position(), cluster.server_cpu()
        seconds = {}
        connection = cluster.connect("keyrota_runner")
        try:
            with connection.cursor() as cursor:
                for table, columns in TABLES.items():
                    started = time.perf_counter()
                    with open(dumps[table], "rb") as file:
                        cursor.copy_expert(f"copy keyrota.{table} ({columns}) from stdin (format binary)", file, 2**20)
                    seconds[table] = time.perf_counter() - started
                    if cursor.rowcount != self.keys:
                        raise BenchError(f"the floor copied {cursor.rowcount} rows into {table}")
                started = time.perf_counter()
                connection.commit()
                seconds["commit"] = time.perf_counter() - started
        finally:
            connection.close()
        wal, cpu = cluster.wal_position() - wal, cluster.server_cpu() - cpu
        self.details["floor"] = {"seconds": seconds, "cpu_s": cpu, "wal_bytes": wal}
        say(f"{self.label}: bare COPY {sum(seconds.values()):.1f} s ("
            + ", ".join(f"{name} {s:.1f}" for name, s in seconds.items())
            + f"; CPU {cpu:.1f} s in the server), {wal / self.keys:,.0f} bytes of WAL a key")
        return seconds

    def judge(self, first, again, floor):
        whole = sum(floor.values())
        without_audit = whole - floor["audit_entry"]
        self.figures.append(at_least(f"first import ({self.label})", f"{first['wall_s']:.1f} s", f"{whole:.1f} s",
                                     whole / first["wall_s"], 0.5))
        cpu = self.details["floor"]["cpu_s"]
        self.figures.append(Figure("the same in CPU time, which others' load leaves alone", f"{first['cpu_s']:.1f} s",
                                   f"{cpu:.1f} s", cpu / first["cpu_s"], "-", None))
        self.figures.append(Figure("the same, against COPY without audit entries", f"{first['wall_s']:.1f} s",
                                   f"{without_audit:.1f} s", without_audit / first["wall_s"], "-", None))
        self.figures.append(Figure("the same file again", f"{again['wall_s']:.1f} s", f"{whole:.1f} s",
                                   whole / again["wall_s"], "-", None))
        self.figures.append(no_more_than("WAL of an unchanged import", again["wal_bytes"] / 1024, 1024, "KiB"))
        self.figures.append(no_more_than("peak RSS", self.cluster.peak_rss_kib / 1024, 64, "MiB"))


def run(options):
    bench = ImportBench(options)
    say(f"{options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
