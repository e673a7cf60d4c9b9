"""A private, durable keyrota installation to measure in, made and used by the program itself."""

import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass
from pathlib import Path

import psycopg2


class BenchError(Exception):
    """The bench itself failed, or what it measured did not do its work: no figure is worth anything then."""


def run_as_program(run):
    """Ends the process with what `run` returns (0: all figures met, 1: one missed), or with 2 when the bench failed."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the server is stopped and removed
    try:
        sys.exit(run())
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
    except Exception:  # 1 is kept for a missed figure
        traceback.print_exc()
    sys.exit(2)


@dataclass
class Outcome:
    """One process of the program, from start to end."""

    exit_code: int
    output: str
    errors: str
    wall_s: float
    cpu_s: float
    rss_kib: int  # peak of its resident memory; 0: too short to see


def load_average():
    return " ".join(f"{load:.2f}" for load in os.getloadavg())


def say(text):
    """For people, with the time and what else the machine does."""
    print(f"{time.strftime('%H:%M:%S')} [{load_average()}] {text}", flush=True)


def instant(as_of):
    """As --as-of takes it."""
    return as_of.strftime("%Y-%m-%dT%H:%M:%SZ")


def _peak_of(process):
    """VmHWM in KiB, 0 when the process is gone."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0
    found = re.search(r"VmHWM:\s+(\d+)", status)
    return int(found[1]) if found else 0


def run_program(argv, discard=False):
    """Runs to the end and measures. A clean environment: no option of the caller's shell slips in.
    @param discard: its output, which may be large, goes nowhere."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith(("KEYROTA_", "PG"))}
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
        started = time.perf_counter()
        child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL if discard else output,
                                 stderr=errors, env=environment)
        ending = os.pidfd_open(child.pid)
        seen_peak = 0
        try:
            while not select.select([ending], [], [], 0.01)[0]:
                seen_peak = max(seen_peak, _peak_of(child.pid))
        except BaseException:  # a signal to us
            child.terminate()
            raise
        wall = time.perf_counter() - started
        os.close(ending)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        output.seek(0)
        errors.seek(0)
        return Outcome(
            child.returncode,
            output.read().decode(),
            errors.read().decode(),
            wall,
            usage.ru_utime + usage.ru_stime,
            # Linux lets a child's ru_maxrss begin at its parent's peak; below that only the samples tell.
            usage.ru_maxrss if usage.ru_maxrss > _peak_of("self") else seen_peak,
        )


class BenchCluster:
    """An installation in a directory of its own: `with BenchCluster(program, parent) as cluster`.

    The server has the embedded settings. pg_stat_statements is loaded, for both sides of every comparison.
    """

    def __init__(self, program, parent, keep=False):
        self.program = str(Path(program).resolve())
        self.parent = parent
        self.keep = keep
        self.peak_rss_kib = 0  # of all runs so far
        self.place = None

    def __enter__(self):
        self.place = Path(tempfile.mkdtemp(prefix="keyrota-bench-", dir=self.parent))
        self.place.chmod(0o755)  # the server's user must get in
        try:
            self._make()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _make(self):
        self.keyrota("db", "init", "--simulation")
        status = self.keyrota("db", "status").output
        self.socket = re.search(r"socket in ([^,]+),", status)[1]
        admin = self.connect("postgres")
        admin.autocommit = True
        with admin.cursor() as cursor:
            cursor.execute("alter system set shared_preload_libraries = 'pg_stat_statements'")
        admin.close()
        self.keyrota("db", "stop")
        self.keyrota("db", "start")
        self.admin = self.connect("postgres")
        self.admin.autocommit = True
        self.sql("create extension pg_stat_statements")
        self.sql("alter system set pg_stat_statements.track_planning = on")
        self.sql("select pg_reload_conf()")

    def __exit__(self, *_):
        if self.keep:
            print(f"kept: {self.place} (stop it with `keyrota --data-dir {self.place}/data db stop`)", flush=True)
            return
        if getattr(self, "admin", None):
            self.admin.close()
        self._stop_server()
        shutil.rmtree(self.place, ignore_errors=True)

    def _stop_server(self):
        """Fast shutdown by signal to our own postmaster: works without the program, which may be what is broken."""
        try:
            postmaster = int((self.place / "data/postgres/postmaster.pid").read_text().split()[0])
            ended = os.pidfd_open(postmaster)
        except (OSError, ValueError, IndexError):
            return  # none runs
        try:
            if os.readlink(f"/proc/{postmaster}/cwd") == str(self.place / "data/postgres"):
                signal.pidfd_send_signal(ended, signal.SIGINT)
                select.select([ended], [], [], 120)
        except OSError:
            pass  # it ended in the meantime
        finally:
            os.close(ended)

    def keyrota(self, *arguments, expect=0):
        """Runs a command of the program to its end. @raises BenchError for another exit code than expected."""
        outcome = run_program([self.program, "--data-dir", str(self.place / "data"), *arguments])
        if outcome.exit_code != expect:
            raise BenchError(
                f"keyrota {' '.join(arguments)} ended with {outcome.exit_code}:\n{outcome.output}{outcome.errors}")
        return outcome

    def run_job(self, job, *arguments):
        """@returns (outcome, its report as a dict)."""
        outcome = self.keyrota("run", job, "--json", *arguments)
        self.peak_rss_kib = max(self.peak_rss_kib, outcome.rss_kib)
        return outcome, json.loads(outcome.output)[0]

    def connect(self, role):
        return psycopg2.connect(host=self.socket, port=5432, user=role, dbname="keyrota", options="-c timezone=UTC")

    def sql(self, text, parameters=None):
        """One statement as the superuser, outside transactions. @returns its rows."""
        with self.admin.cursor() as cursor:
            cursor.execute(text, parameters)
            return cursor.fetchall() if cursor.description else []

    def value(self, text, parameters=None):
        return self.sql(text, parameters)[0][0]

    def settle(self, tables):
        """Puts every measured run on the same footing: nothing to vacuum, fresh statistics, a fresh checkpoint."""
        for table in tables:
            self.sql(f"vacuum analyze {table}")
        self.sql("checkpoint")

    def wal_position(self):
        """Bytes of WAL ever written."""
        return int(self.value("select pg_current_wal_insert_lsn() - '0/0'"))

    def server_cpu(self):
        """CPU seconds of all server processes that have ended so far: every session, none of the permanent helpers.
        Tells two methods apart even while others load the machine."""
        postmaster = int((self.place / "data/postgres/postmaster.pid").read_text().split()[0])
        deadline = time.monotonic() + 10
        while self._has_ending_session(postmaster) and time.monotonic() < deadline:
            time.sleep(0.02)
        fields = Path(f"/proc/{postmaster}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")  # cutime, cstime

    def _has_ending_session(self, postmaster):
        """A session is counted when the server has buried it, some time after its client left: as long as it shows its
        role in its title, or is a zombie without one, it is not."""
        for child in Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split():
            try:
                title = Path(f"/proc/{child}/cmdline").read_text()
            except OSError:
                continue
            if not title or "keyrota_runner" in title:
                return True
        return False

    def forget_statements(self):
        self.sql("select pg_stat_statements_reset()")

    def statements(self, role="keyrota_runner"):
        """What the role's statements cost the server since forget_statements(), dearest first."""
        rows = self.sql(
            "select regexp_replace(left(s.query, 90), '\\s+', ' ', 'g'), s.calls, s.rows, s.total_exec_time,"
            "       s.total_plan_time, s.wal_bytes, s.wal_fpi, s.shared_blks_hit, s.shared_blks_read, s.temp_blks_written"
            "  from pg_stat_statements s join pg_roles r on r.oid = s.userid"
            " where r.rolname = %s order by s.total_exec_time + s.total_plan_time desc", (role,))
        names = ("query", "calls", "rows", "exec_ms", "plan_ms", "wal_bytes", "wal_fpi", "hit", "read", "spilled")
        return [{n: float(v) if n in ("exec_ms", "plan_ms") else v if n == "query" else int(v)
                 for n, v in zip(names, row)} for row in rows]
