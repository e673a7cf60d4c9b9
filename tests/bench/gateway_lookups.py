"""A gateway beside a job: looks secrets up by hash at a steady pace and takes the time of each."""

import hashlib
import random
import threading
import time

# Two steps in one statement, as docs/gateway.sql shows it.
LOOKUP = """
prepare look_up(bytea) as
select s.key_id, s.status = 'active' and (s.expires_at is null or s.expires_at > now())
  from keyrota.api_key_state s
 where s.key_id = (select key_id from keyrota.api_key_secret where secret_hash = $1)
"""


class GatewayLookups:
    """Looks random keys up while it is open: `with GatewayLookups(cluster, keys, rate) as lookups`.

    The clock of a lookup that had to wait for the one before starts when it was due: a stall counts for all that it
    holds up. A late wake-up of this client does not count: it is not the database's.
    """

    def __init__(self, cluster, keys, rate, seed):
        self.connection = cluster.connect("keyrota_gateway")
        self.connection.autocommit = True
        self.keys, self.interval, self.random = keys, 1 / rate, random.Random(seed)
        self.seconds = []
        self.failure = None
        self.ending = threading.Event()
        self.thread = threading.Thread(target=self._look_up_or_fail)

    def __enter__(self):
        with self.connection.cursor() as cursor:
            cursor.execute(LOOKUP)
            for _ in range(20):  # a cold session is not what a gateway has
                self._look_up(cursor)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ending.set()
        self.thread.join()
        self.connection.close()
        if self.failure:
            raise self.failure

    def _look_up(self, cursor):
        key_id = self.random.randint(1, self.keys)
        cursor.execute("execute look_up(%s)", (hashlib.sha256(str(key_id).encode()).digest(),))
        if cursor.fetchone()[0] != key_id:
            raise AssertionError("a lookup found another key")

    def _look_up_or_fail(self):
        try:
            with self.connection.cursor() as cursor:
                due = time.perf_counter()
                while not self.ending.is_set():
                    wait = due - time.perf_counter()
                    if wait > 0:
                        time.sleep(wait)
                    started = time.perf_counter() if wait > 0 else due
                    self._look_up(cursor)
                    self.seconds.append(time.perf_counter() - started)
                    due += self.interval
        except Exception as error:  # shown by the main thread
            self.failure = error
