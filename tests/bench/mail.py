#!/usr/bin/python3
"""`./dev bench mail`: the outbox delivered to Postfix's smtp-sink, against Postfix's own smtp-source.

Both hand over the same number of messages of the same size, one after another over one connection. keyrota reads each from
the database, makes MIME of it, and writes down the server's answer before the next is out of its hands; smtp-source sends one
text again and again and writes nothing.

Before that: what a first night costs that finds something of every owner's keys. All notices are decided, grouped and rendered
into the outbox; nobody takes them.

Needs python3-psycopg2, postfix (for the two programs alone) and the program; makes a server of its own under --dir and
removes it again. Exit 0: all figures met (or --quick), 1: one missed, 2: the bench failed.
"""

import json
import os
import random
import socket
import subprocess
import time
from statistics import median

from bench_cluster import BenchCluster, BenchError, load_average, run_as_program, run_program, say
from bench_figures import Figure, at_least, conclude, no_more_than, spread
from bench_options import bench_parser

SINK, SOURCE = "/usr/sbin/smtp-sink", "/usr/sbin/smtp-source"
FILL = """
insert into keyrota.message (kind, recipient, recipient_name, subject, text_body, html_body, severity, created_at,
                             next_try_at, expires_at, run_id)
select 'notice', 'owner' || i || '@example.com', 'Owner ' || i, '[keyrota] 2 keys need attention: billing-' || i,
       repeat('The key billing-prod expires in 3 days; rotate it before. ' || chr(10), 30),
       '<table>' || repeat('<tr><td bgcolor="#eee">The key billing-prod expires in 3 days.</td></tr>' || chr(10), 60)
       || '</table>', 2, '2026-01-01', '2026-01-01', now() + interval '3 days', 1
  from generate_series(1, %(messages)s) i
"""
AGAIN = """
update keyrota.message set state = 'pending', tries = 0, sent_at = null, last_answer = null, next_try_at = '2026-01-01'
"""
METHODS = ("source", "keyrota")
FINDINGS_PER_OWNER = 3
OWNERS = """
insert into keyrota.owner (name, email, time_zone)
select 'Owner ' || i, 'owner' || i || '@example.com', (array['UTC', 'Europe/Berlin', 'Asia/Kolkata'])[1 + i %% 3]
  from generate_series(1, %(owners)s) i
"""
KEYS = """
insert into keyrota.api_key (owner_id, name, type, environment, prefix, hint, scopes, service_plan_id, created_at, lineage_id)
select 1 + i %% %(owners)s, 'billing ' || i, 'public', 'production', 'pk_live_', right(md5(i::text), 4), '{read:orders,write:orders}',
       1, '2026-01-01', i
  from generate_series(1, %(keys)s) i
"""
STATES = """
insert into keyrota.api_key_state (key_id, status, expires_at) select key_id, 'active', '2030-01-01' from keyrota.api_key
"""
FINDINGS = """
insert into keyrota.finding (key_id, uid, check_id, status, severity, opened_at, changed_at, run_id)
select key_id, keyrota.finding_uid('KEY-SCOPE-TYPE', key_id, ''), 'KEY-SCOPE-TYPE', 'open', 4, now() - interval '1 hour', now(), 1
  from keyrota.api_key
"""


def parse_arguments():
    parser = bench_parser(__doc__, quick="300 messages and owners, 2 repeats", repeats=5)
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--owners", type=int, default=100_000, help="who have three findings each")
    parser.add_argument("--seed", type=int, default=None, help="of the order of the two")
    options = parser.parse_args()
    if options.quick:
        options.messages, options.owners, options.repeats = 300, 300, 2
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1_000_000)
    return options


class Sink:
    """smtp-sink on a free port, until the end of the scope."""

    def __enter__(self):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        as_nobody = ["-u", "nobody"] if os.geteuid() == 0 else []
        self.process = subprocess.Popen([SINK, *as_nobody, f"127.0.0.1:{self.port}", "100"], stdin=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return self
            except OSError:
                time.sleep(0.05)
        self.__exit__()
        raise BenchError("smtp-sink does not listen")

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


class MailBench:
    def __init__(self, options):
        self.options = options
        self.label = f"{options.messages:,} messages"
        self.figures, self.details = [], {"messages": options.messages, "runs": []}

    def run(self):
        with BenchCluster(self.options.program, self.options.dir, self.options.keep) as cluster, Sink() as sink:
            self.cluster, self.sink = cluster, sink
            self.render()
            self.write_config("maildir", "config-maildir.yaml")
            self.config = self.write_config("smtp", "config.yaml")
            self.size = self.measure_size()
            cluster.sql(FILL, {"messages": self.options.messages})
            for i in range(self.options.repeats):
                self.measure(random.Random(f"{self.options.seed} {i}"))
        self.judge()

    def write_config(self, transport, name):
        path = self.cluster.place / name
        path.write_text(f"mail:\n  transport: {transport}\n  host: localhost\n  port: {self.sink.port}\n  tls: none\n"
                        "  from: keyrota@example.com\n")
        path.chmod(0o644)
        return str(path)

    def render(self):
        """One run with a finding of each key, and nobody who takes mail. Then everything is as it was."""
        owners, keys = self.options.owners, FINDINGS_PER_OWNER * self.options.owners
        for statement in (OWNERS, KEYS, STATES, FINDINGS):
            self.cluster.sql(statement, {"owners": owners, "keys": keys})
        self.cluster.sql("vacuum analyze")
        path = self.cluster.place / "config-nobody.yaml"
        path.write_text("notify:\n  mode: send\nmail:\n  transport: smtp\n  host: localhost\n  port: 1\n  tls: none\n"
                        "  from: keyrota@example.com\n  max_messages_per_day: 1000000\n")
        path.chmod(0o644)
        outcome = self.cluster.keyrota("--config", str(path), "run", "notify-owners", expect=7)
        rendered, notices = self.cluster.sql(
            "select (select count(*) from keyrota.message), (select count(*) from keyrota.notice where state = 'told')")[0]
        if rendered != owners or notices != keys:
            raise BenchError(f"{rendered} messages of {notices} notices were rendered")
        self.rendering = {"wall_s": outcome.wall_s, "client_cpu_s": outcome.cpu_s, "rss_kib": outcome.rss_kib}
        self.details["rendering"] = {"owners": owners, "findings": keys, **self.rendering, "load": load_average()}
        say(f"{keys:,} findings of {owners:,} owners decided, grouped and rendered: {outcome.wall_s:.1f} s"
            f" (CPU {outcome.cpu_s:.1f} s) in {outcome.rss_kib / 1024:.1f} MiB")
        self.cluster.sql("truncate keyrota.notice, keyrota.message, keyrota.delivery, keyrota.finding, keyrota.api_key_state,"
                         " keyrota.api_key, keyrota.owner cascade")

    def deliver(self, config):
        outcome = self.cluster.keyrota("--config", config, "run", "notify-owners", "--json")
        step = next(check for check in json.loads(outcome.output)[0]["checks"] if check["check"] == "mail")
        return outcome, step["applied"]

    def measure_size(self):
        """Of one of these messages as it is on the wire."""
        self.cluster.sql(FILL, {"messages": 1})
        self.deliver(str(self.cluster.place / "config-maildir.yaml"))
        file = next((self.cluster.place / "data/maildir/new").iterdir())
        self.cluster.sql("delete from keyrota.message")
        text = file.read_bytes()
        return len(text) + text.count(b"\n")

    def source(self):
        outcome = run_program([SOURCE, "-d", "-s", "1", "-m", str(self.options.messages), "-l", str(self.size),
                               "-f", "keyrota@example.com", "-t", "owner@example.com", f"inet:127.0.0.1:{self.sink.port}"])
        if outcome.exit_code != 0:
            raise BenchError(f"smtp-source: {outcome.errors}")
        return {"wall_s": outcome.wall_s, "client_cpu_s": outcome.cpu_s}

    def keyrota(self):
        self.cluster.sql(AGAIN)
        self.cluster.sql("truncate keyrota.delivery")
        self.cluster.settle(["keyrota.message"])
        cpu = self.cluster.server_cpu()
        outcome, sent = self.deliver(self.config)
        if sent != self.options.messages:
            raise BenchError(f"{sent} messages were sent")
        self.cluster.peak_rss_kib = max(self.cluster.peak_rss_kib, outcome.rss_kib)
        return {"wall_s": outcome.wall_s, "client_cpu_s": outcome.cpu_s, "server_cpu_s": self.cluster.server_cpu() - cpu,
                "rss_kib": outcome.rss_kib}

    def measure(self, order):
        done = {}
        for method in order.sample(METHODS, len(METHODS)):
            done[method] = getattr(self, method)()
        self.details["runs"].append({**done, "load": load_average()})
        source, keyrota = (done[method] for method in METHODS)
        say(f"{self.label} of {self.size:,} bytes: smtp-source {source['wall_s']:.2f} s (CPU {source['client_cpu_s']:.2f} s),"
            f" keyrota {keyrota['wall_s']:.2f} s (CPU {keyrota['client_cpu_s']:.2f} s, server {keyrota['server_cpu_s']:.2f} s)"
            f" in {keyrota['rss_kib'] / 1024:.1f} MiB")

    def judge(self):
        source, keyrota = ([run[method]["wall_s"] for run in self.details["runs"]] for method in METHODS)
        rate = self.options.messages / median(keyrota)
        self.figures = [
            at_least(f"speed of a whole run ({self.label})", spread(keyrota), spread(source), median(source) / median(keyrota), .8),
            Figure("messages a second", f"{rate:,.0f}", f"{self.options.messages / median(source):,.0f}", None, "-", None),
            no_more_than("peak RSS", self.cluster.peak_rss_kib / 1024, 64, "MiB"),
            Figure("mails rendered a second", f"{self.options.owners / self.rendering['wall_s']:,.0f}", "-", None, "-", None),
            no_more_than(f"peak RSS of rendering for {self.options.owners:,} owners", self.rendering["rss_kib"] / 1024, 128,
                         "MiB")]


def run(options):
    for program in (SINK, SOURCE):
        if not os.access(program, os.X_OK):
            raise BenchError(f"{program} is missing: it comes with Postfix")
    bench = MailBench(options)
    say(f"{options.repeats} repeats, seed {options.seed}, {options.program}")
    bench.run()
    return conclude(options, bench.figures, bench.details)


if __name__ == "__main__":
    run_as_program(lambda: run(parse_arguments()))
