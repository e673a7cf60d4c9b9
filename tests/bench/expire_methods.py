"""The three ways of expiring one window of keys. All write the same: state, audit entry, resolved finding, one chain."""

import getpass
import hashlib
import json
import os
import socket
import time
from dataclasses import dataclass, field
from typing import List, Optional

from bench_cluster import BenchError

# Selects and locks nothing beforehand, knows no batch, no plan and no retry: the least that these writes can cost. The
# states are read by the same statement, since an audit entry holds what was before.
FLOOR = """
with due as materialized (
    select key_id, status, expires_at
      from keyrota.api_key_state
     where status <> 'expired' and expires_at > %(since)s and expires_at <= %(until)s
), done as (
    update keyrota.api_key_state s
       set status = 'expired'
      from due
     where s.key_id = due.key_id and s.status <> 'expired'
    returning s.key_id, due.status as before, s.status as after, s.expires_at
), audited as (
    insert into keyrota.audit_entry (key_id, block_id, payload)
    select key_id, %(block_id)s,
           about.run || ', "key_id": ' || key_id || ', "before": ' || jsonb_build_object('status', before)
           || ', "after": ' || jsonb_build_object('status', after) || ', "why": ' || about.reason
           || ', "evidence": ' || jsonb_build_object('expires_at_us', keyrota.micros(expires_at)) || '}}'
      from done,
           (select left(jsonb_build_object(
                        'action', 'key.expire', 'run_id', %(run_id)s::bigint, 'at_us', keyrota.micros(now()),
                        'actor', %(actor)s::jsonb || jsonb_build_object('session_user', session_user))::text, -1) as run,
                   left(jsonb_build_object(
                        'check', 'KEY-EXPIRED', 'as_of_us', keyrota.micros(%(until)s))::text, -1) as reason
            offset 0) about
), found as (
    insert into keyrota.finding (key_id, uid, check_id, detail, status, resolution, severity, due_at, evidence, opened_at,
                                 changed_at, resolved_at, run_id)
    select key_id, keyrota.finding_uid('KEY-EXPIRED', key_id, ''), 'KEY-EXPIRED', '', 'resolved', 'acted', 4, expires_at,
           jsonb_build_object('expires_at_us', keyrota.micros(expires_at)), %(until)s, %(until)s, %(until)s, %(run_id)s
      from done
)
select count(*) from done
"""
DUE = """
select key_id, status, expires_at, keyrota.micros(expires_at), keyrota.micros(now()), session_user::text
  from keyrota.api_key_state
 where status <> 'expired' and expires_at > %(since)s and expires_at <= %(until)s
"""
EXPIRE_ONE = "update keyrota.api_key_state set status = 'expired' where key_id = %s and status <> 'expired'"
AUDIT_ONE = "insert into keyrota.audit_entry (key_id, block_id, payload) values (%s, %s, %s)"
FINDING_ONE = """
insert into keyrota.finding (key_id, uid, check_id, detail, status, resolution, severity, due_at, evidence, opened_at,
                             changed_at, resolved_at, run_id)
values (%s, %s, 'KEY-EXPIRED', '', 'resolved', 'acted', 4, %s, %s, %s, %s, %s, %s)
"""
OPEN_BLOCK = "select nextval('keyrota.audit_block_id_seq')"
SEAL_BLOCK = "select keyrota.audit_seal(%s)"


@dataclass
class Measured:
    method: str
    size: int
    whole_s: float
    wal_bytes: int
    apply_s: Optional[float] = None  # keyrota's own report
    plan_s: Optional[float] = None
    client_cpu_s: Optional[float] = None
    server_cpu_s: Optional[float] = None
    rss_kib: Optional[int] = None
    load: str = ""
    statements: List[dict] = field(default_factory=list)


def actor():
    return json.dumps({"os_user": getpass.getuser(), "host": socket.gethostname()})


def last_run_id(cluster):
    return cluster.value("select max(run_id) from keyrota.job_run")


def floor(cluster, window):
    """One giant statement in one transaction, and the seal."""
    parameters = {"since": window.since, "until": window.until, "actor": actor(), "run_id": last_run_id(cluster)}
    connection = cluster.connect("keyrota_runner")
    try:
        with connection.cursor() as cursor:
            before = cluster.wal_position()
            started = time.perf_counter()
            cursor.execute(OPEN_BLOCK)
            parameters["block_id"] = cursor.fetchone()[0]
            cursor.execute(FLOOR, parameters)
            cursor.execute(SEAL_BLOCK, (parameters["block_id"],))
            connection.commit()
            whole = time.perf_counter() - started
        return Measured("floor", window.size, whole, cluster.wal_position() - before)
    finally:
        connection.close()


def row_loop(cluster, window):
    """What a script does: reads what is due and writes key by key, in one transaction. Plain psycopg2: with SQLAlchemy's
    unit of work on top the same statements take longer (performance.md 8), so this is the harder peer."""
    run_id, about = last_run_id(cluster), json.loads(actor())
    connection = cluster.connect("keyrota_runner")
    try:
        with connection.cursor() as cursor:
            before = cluster.wal_position()
            started = time.perf_counter()
            cursor.execute(OPEN_BLOCK)
            block_id = cursor.fetchone()[0]
            cursor.execute(DUE, {"since": window.since, "until": window.until})
            until_us = round(window.until.timestamp() * 1_000_000)
            for key_id, status, expires_at, expires_us, now_us, session_user in cursor.fetchall():
                cursor.execute(EXPIRE_ONE, (key_id,))
                if cursor.rowcount == 0:
                    continue
                evidence = {"expires_at_us": expires_us}
                payload = {
                    "action": "key.expire", "key_id": key_id, "run_id": run_id, "at_us": now_us,
                    "actor": {**about, "session_user": session_user},
                    "before": {"status": status}, "after": {"status": "expired"},
                    "why": {"check": "KEY-EXPIRED", "as_of_us": until_us, "evidence": evidence},
                }
                cursor.execute(AUDIT_ONE, (key_id, block_id, json.dumps(payload)))
                text = f"11:KEY-EXPIRED{len(str(key_id))}:{key_id}0:"
                uid = "kf_" + hashlib.sha256(text.encode()).hexdigest()[:32]
                cursor.execute(FINDING_ONE, (key_id, uid, expires_at, json.dumps(evidence), window.until, window.until,
                                             window.until, run_id))
            cursor.execute(SEAL_BLOCK, (block_id,))
            connection.commit()
            whole = time.perf_counter() - started
        return Measured("row loop", window.size, whole, cluster.wal_position() - before)
    finally:
        connection.close()


def keyrota(cluster, window):
    """The program, from exec to exit."""
    before = cluster.wal_position()
    outcome, report = cluster.run_job("expire-keys", "--as-of", as_argument(window.until), "--max-actions",
                                      str(window.size))
    wal = cluster.wal_position() - before
    check = report["checks"][0]
    if not report["complete"] or check["pass"] != "incremental" or check["applied"] != window.size or any(
            other["found"] for other in report["checks"][1:]):
        raise BenchError(f"expire-keys did not do its work, or another: {report}")
    return Measured(
        "keyrota", window.size, outcome.wall_s, wal, apply_s=report["apply_ms"] / 1000, plan_s=report["plan_ms"] / 1000,
        client_cpu_s=outcome.cpu_s, rss_kib=outcome.rss_kib)


def as_argument(instant):
    return instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def verify(cluster, window):
    """That every key of the window is expired, audited and has its finding. @returns bytes of an entry and a finding, for
    a look at whether all methods write the same."""
    for table in ("audit_entry", "finding"):  # with statistics of empty tables this once took half an hour
        cluster.sql(f"analyze keyrota.{table}")
    expired, entries, findings, entry_bytes, finding_bytes = cluster.sql(
        "with keys as materialized (select key_id, status from keyrota.api_key_state"
        "                            where expires_at > %s and expires_at <= %s)"
        " select (select count(*) from keys where status = 'expired'),"
        "        count(e.key_id), count(f.key_id), avg(octet_length(e.payload))::float8, avg(pg_column_size(f.*))::float8"
        "   from keys k"
        "   left join keyrota.audit_entry e on e.key_id = k.key_id and e.action = 'key.expire'"
        "   left join keyrota.finding f on f.key_id = k.key_id and f.check_id = 'KEY-EXPIRED' and f.status = 'resolved'"
        "                              and f.uid = keyrota.finding_uid('KEY-EXPIRED', k.key_id, '')",
        (window.since, window.until))[0]
    if (expired, entries, findings) != (window.size,) * 3:
        raise BenchError(f"of {window.size} keys {expired} are expired, {entries} audited, {findings} have a finding")
    return entry_bytes, finding_bytes
