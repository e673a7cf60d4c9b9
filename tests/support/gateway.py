"""The smallest gateway that does all that docs/gateway.md says: GET needs read:NAME for /NAME, other methods write:NAME."""

import argparse
import datetime
import hashlib
import http.server
import ipaddress
import pathlib
import threading
import time
import urllib.parse

import psycopg2

STATEMENTS = pathlib.Path(__file__).parents[2] / "docs/gateway.sql"
LOOK_UP = "execute keyrota_look_up(%s)"
APPEND = "execute keyrota_append(%s, %s, %s, 1, %s, %s, %s, %s, %s, %s, %s)"


class Gateway(http.server.BaseHTTPRequestHandler):
    database, name, seen, lock = None, "", {}, threading.Lock()

    def do_GET(self):
        at = datetime.datetime.now(datetime.timezone.utc)
        url = urllib.parse.urlsplit(self.path)
        bearer = self.headers.get("Authorization", "").removeprefix("Bearer ")
        secret = bearer or urllib.parse.parse_qs(url.query).get("api_key", [""])[0]
        scope = ("read:" if self.command == "GET" else "write:") + url.path.strip("/")
        key_id, status, headers = self.judge(hashlib.sha256(secret.encode()).digest(), scope)
        self.send_response(status)
        for header in headers.items():
            self.send_header(*map(str, header))
        self.send_header("Content-Length", "0")
        self.end_headers()
        if key_id is not None:
            self.append(key_id, at, status, scope, "header" if bearer else "query")

    do_POST = do_GET

    def judge(self, secret_hash, scope):
        with self.lock, self.database.cursor() as cursor:  # psycopg2 shares a connection, not a cursor
            cursor.execute(LOOK_UP, (secret_hash,))
            row = cursor.fetchone()
            if row is None or not row[1]:
                return row and row[0], 401, {"WWW-Authenticate": "Bearer"}
            key_id, _, _, _, _, scopes, limit = row
            minute = int(time.time() // 60)
            calls = self.seen[key_id, minute] = self.seen.get((key_id, minute), 0) + 1  # a real one forgets old minutes
        headers = {} if limit is None else {"X-RateLimit-Limit": limit, "X-RateLimit-Remaining": max(limit - calls, 0),
                                            "X-RateLimit-Reset": (minute + 1) * 60}
        if limit is not None and calls > limit:
            return key_id, 429, headers | {"Retry-After": int((minute + 1) * 60 - time.time()) + 1}
        return key_id, 200 if scope in scopes else 403, headers

    def append(self, key_id, at, status, scope, auth):
        address = ipaddress.ip_address(self.client_address[0])
        network = ipaddress.ip_network((address, 24 if address.version == 4 else 48), strict=False)
        browser = any(name == "origin" or name.startswith("sec-fetch-") for name in map(str.lower, self.headers))
        refused = 400 <= status < 500 and status != 429
        with self.lock, self.database.cursor() as cursor:
            cursor.execute(APPEND, (key_id, at, self.name, int(refused), int(status >= 500), int(status == 429), scope,
                                    str(network), auth, browser))

    def log_message(self, *_):  # the line that it would log holds the secret of ?api_key=
        pass


arguments = argparse.ArgumentParser()
arguments.add_argument("--database", required=True, help="as libpq takes it")
arguments.add_argument("--name", required=True, help="what the gateway is called in its samples")
arguments.add_argument("--port-file", required=True, help="where to say on which port of 127.0.0.1 it listens")
given = arguments.parse_args()
Gateway.name, Gateway.database = given.name, psycopg2.connect(given.database)
Gateway.database.autocommit = True
Gateway.database.cursor().execute(STATEMENTS.read_text())
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway)
pathlib.Path(given.port_file).write_text(f"{server.server_port}\n")
server.serve_forever()
