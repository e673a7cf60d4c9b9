#!/usr/bin/python3
"""`./dev bench ingest`: what it costs to make samples of a log of JSON lines, against parsing each line with simdjson.

A log of plain lines as nginx writes them, of keys that are called unevenly, in the order of time; some of keys that nobody has,
some malformed. The floor reads the same file and parses each line (tests/bench/parse_only.cpp), alternating with the ingest.
The sums are compared with what jq makes of the same file.

Needs python3-psycopg2, a C++ compiler, libsimdjson-dev, jq and the program; makes a server of its own under --dir and removes it
again. Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import json
import random
import subprocess
import time
from pathlib import Path
from statistics import median

from bench_cluster import BenchCluster, BenchError, run_as_program, run_program, say
from bench_figures import at_least, conclude, no_more_than, spread
from bench_options import bench_parser

KEYS = """
insert into keyrota.api_key (lineage_id, name, type, environment, prefix, hint)
select i, 'key ' || i, 'secret', 'production', 'sk_live_', 'abcd' from generate_series(1, %s) i
"""
SUMS = """
select coalesce(sum(requests), 0)::bigint, coalesce(sum(client_errors), 0)::bigint, coalesce(sum(server_errors), 0)::bigint,
       coalesce(sum(rate_limited), 0)::bigint
  from keyrota.usage_sample
"""
JQ = r"""
reduce (inputs | try fromjson catch empty | objects | select(.key_id != "-" and (.key_id | tonumber) <= ($keys | tonumber))
        | .status | tonumber) as $s
  ([0, 0, 0, 0]; .[0] += 1 | if $s == 429 then .[3] += 1 elif $s >= 500 then .[2] += 1 elif $s >= 400 then .[1] += 1 else . end)
"""
STATUS = ["200"] * 90 + ["404"] * 5 + ["429"] * 2 + ["500"] * 2 + ["503"]
SCOPES = ["read:experiences", "write:experiences", "read:consumers", "read:analytics"]


def parse_arguments():
    parser = bench_parser(__doc__, quick="20 MB, once", repeats=3)
    parser.add_argument("--megabytes", type=int, default=5_000, help="size of the log")
    parser.add_argument("--keys", type=int, default=10_000)
    options = parser.parse_args()
    if options.quick:
        options.megabytes, options.repeats = 20, 1
    return options


def write_log(path, megabytes, keys, minute):
    """A block of lines is varied and written again and again: making each anew would take longer than all that is measured."""
    chance = random.Random(7)
    with open(path, "wb") as file:
        while file.tell() < megabytes * 1_000_000:
            stamp = time.strftime("%Y-%m-%dT%H:%M", time.gmtime(minute * 60))
            lines = []
            for _ in range(20_000):
                key = int(keys * chance.random() ** 3 * 1.05) + 1  # a few of nobody's
                lines.append(
                    f'{{"time":"{stamp}:{chance.randrange(60):02}+00:00","remote_addr":"10.{key % 200}.{chance.randrange(3)}.{chance.randrange(250)}",'
                    f'"request_method":"GET","request_uri":"/v1/experiences/{chance.randrange(10**6)}?page={chance.randrange(9)}","status":"{chance.choice(STATUS)}",'
                    f'"body_bytes_sent":{chance.randrange(10**5)},"request_time":{chance.random():.3f},"http_user_agent":"Mozilla/5.0 (X11; Linux x86_64) \\"client\\"/1.0",'
                    f'"key_id":"{key if chance.random() < .95 else "-"}","scope":"{SCOPES[key % 4]}","origin":"","sec_fetch_mode":""}}\n')
            lines.append('{"time":"torn\n')
            file.write("".join(lines).encode())
            minute += 1


class IngestBench:
    def __init__(self, options):
        self.options, self.figures = options, []
        self.details = {"megabytes": options.megabytes, "runs": []}

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster:
            self.cluster = cluster
            cluster.sql(KEYS, (self.options.keys,))
            floor = cluster.place / "parse_only"
            source = Path(__file__).with_name("parse_only.cpp")
            subprocess.run(["c++", "-std=c++20", "-O2", str(source), "-o", str(floor), "-lsimdjson"], check=True)
            self.log = cluster.place / "access.json"
            write_log(self.log, self.options.megabytes, self.options.keys, int(time.time() / 60) - 1440)
            megabytes = self.log.stat().st_size / 1e6
            say(f"a log of {megabytes:,.0f} MB")
            run_program(["/usr/bin/cat", str(self.log)])  # into the page cache, as far as it fits
            ours, floors = [], []
            for _ in range(self.options.repeats):
                floors.append(run_program([str(floor), str(self.log)]))
                ours.append(self.ingest())
                say(f"parse only {megabytes / floors[-1].wall_s:,.0f} MB/s, ingest {megabytes / ours[-1].wall_s:,.0f} MB/s"
                    f" (CPU {floors[-1].cpu_s:.2f} s and {ours[-1].cpu_s:.2f} s), {ours[-1].rss_kib / 1024:.1f} MiB")
                self.details["runs"].append({"ours": vars(ours[-1]), "floor": vars(floors[-1])})
            self.compare()
        speed = median(f.wall_s for f in floors) / median(o.wall_s for o in ours)
        self.figures.append(at_least(f"ingest of {megabytes:,.0f} MB", spread([o.wall_s for o in ours]),
                                     spread([f.wall_s for f in floors]), speed, 0.6))
        self.figures.append(no_more_than("peak RSS", max(o.rss_kib for o in ours) / 1024, 128, "MiB"))

    def ingest(self):
        """From nothing each time."""
        self.cluster.sql("truncate keyrota.usage_sample, keyrota.ingest_position")
        self.cluster.sql("checkpoint")
        outcome = self.cluster.keyrota("usage", "ingest", "--format", "jsonl", "--map", "nginx", "--json", str(self.log))
        self.total = json.loads(outcome.output)["total"]
        return outcome

    def compare(self):
        """With jq, over the same file."""
        expected = json.loads(subprocess.run(["jq", "-nRc", "--arg", "keys", str(self.options.keys), JQ, str(self.log)],
                                             check=True, capture_output=True, text=True).stdout)
        connection = self.cluster.connect("postgres")
        with connection.cursor() as cursor:
            cursor.execute(SUMS)
            found = list(cursor.fetchone())
        connection.close()
        if found != expected:
            raise BenchError(f"the sums are {found}; jq makes them {expected}")
        say(f"jq agrees: {expected} (requests, client errors, server errors, refused); {self.total}")


def run(options):
    bench = IngestBench(options)
    say(f"{options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
