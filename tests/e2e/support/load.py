"""Many clients at once that note what each of their requests was answered with."""

import random
import ssl
import threading

from .wire import Client, ProtocolError, client_context


class Done:
    """One answered request: its id, what it asked, what it got."""

    __slots__ = ("request_id", "plan", "status", "body")

    def __init__(self, request_id, plan, status, body):
        self.request_id = request_id
        self.plan = plan
        self.status = status
        self.body = body


class Load:
    """Runs `next_plan(random)` requests over `threads` keep-alive connections until `total` answers came or stop().

    A plan is (method, target, headers, body, expected status). Connections that break are made again; a request whose
    answer never came is not counted.
    """

    def __init__(self, pki, port, next_plan, threads=8, total=None, seed=0):
        self.pki = pki
        self.port = port
        self.next_plan = next_plan
        self.total = total
        self.done = []
        self.errors = []
        self._stop = threading.Event()
        self._arrived = threading.Condition()
        self._context = client_context(pki)
        self._threads = [threading.Thread(target=self._run, args=(random.Random(seed * 1000 + number),), daemon=True)
                         for number in range(threads)]

    def start(self):
        for thread in self._threads:
            thread.start()
        return self

    def stop(self):
        self._stop.set()
        return self.join()

    def join(self, seconds=600):
        for thread in self._threads:
            thread.join(seconds)
            if thread.is_alive():
                raise AssertionError("a client hangs")
        return self

    def wait_for(self, count, seconds=60):
        """Until so many answers came; False if that takes too long."""
        with self._arrived:
            return self._arrived.wait_for(lambda: len(self.done) >= count, seconds)

    def _enough(self):
        return self._stop.is_set() or (self.total is not None and len(self.done) >= self.total)

    def _run(self, rng):
        while not self._enough():
            try:
                with Client(self.pki, self.port, context=self._context, timeout=30) as client:
                    self._converse(client, rng)
            except (OSError, ssl.SSLError):
                if self.total is not None and not self._stop.is_set():
                    continue
                self._stop.wait(0.01)  # the gateway is gone; stop() will come
            except ProtocolError as wrong:
                self.errors.append(str(wrong))

    def _converse(self, client, rng):
        while not self._enough():
            plan = self.next_plan(rng)
            method, target, headers, body, _ = plan
            client.send(client.request_bytes(method, target, headers, body))
            head = client.head()
            if head is None:
                return
            client.body(head, without=method == "HEAD" or head.status in (204, 304), until_close=True)
            with self._arrived:
                if self.total is None or len(self.done) < self.total:
                    self.done.append(Done(head.request_id, plan, head.status, head.body))
                self._arrived.notify_all()
