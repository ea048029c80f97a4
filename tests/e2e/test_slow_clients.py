"""Slow clients in every phase, as slowhttptest makes them, beside clients that are not: everybody else is served, slow ones
are cut by their limits, and neither connections nor memory grow beyond theirs."""

import collections
import subprocess
import threading
import unittest
from pathlib import Path

from support import journal
from support.case import ServedCase
from support.upstreams import wait_until
from support.wire import Client, client_context

SLOW = 300          # connections that slowhttptest opens
PER_ADDRESS = 200   # that one address may have
GOOD = 20           # clients beside them, from an address of their own
GOOD_ADDRESS = "127.0.0.2"
PROBES = 2          # connections by which slowhttptest looks whether a server still answers
MEMORY_KIB = 64 * 1024
UNSENT = 1024 * 1024  # that the system may hold for one of them: twice the gateway's own limit
LARGE = 20_000_000


class Beside:
    """Clients that ask again and again over connections they keep. Whatever is not a 200 is noted as wrong."""

    def __init__(self, pki, port):
        self.served = 0
        self.wrong = []
        self._stop = threading.Event()
        self._context = client_context(pki)
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(pki, port), daemon=True) for _ in range(GOOD)]
        for thread in self._threads:
            thread.start()

    def _run(self, pki, port):
        try:
            with Client(pki, port, context=self._context, source=GOOD_ADDRESS) as client:
                while not self._stop.wait(0.05):
                    answer = client.ask("GET", "/public/good")
                    with self._lock:
                        if answer is not None and answer.status == 200:
                            self.served += 1
                        else:
                            self.wrong.append(answer and answer.first_line)
        except (OSError, AssertionError) as broken:
            with self._lock:
                self.wrong.append(repr(broken))

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join(60)


class SlowClients(ServedCase):
    @classmethod
    def adjust(cls, site):
        hosts = ["wiki.example.com", "localhost"]
        site.settings["routes"][0]["match"]["host"] = hosts
        site.policy["resources"]["public"]["hosts"] = hosts
        site.settings["limits"].update(connections_per_address=PER_ADDRESS)
        site.settings["limits"]["timeouts"].update(handshake="3s", head="3s", body_idle="3s", keep_alive="30s", whole="6s")

    def unsent(self):
        """The most that the system holds for one client, since it does not take it: bytes."""
        port = f":{self.site.port:04X}"
        lines = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
        return max((int(line[4].split(":")[0], 16) for line in lines if line[1].endswith(port)), default=0)

    def attack(self, *options, target="/public/slow"):
        """Runs slowhttptest until the gateway has cut all of its connections; how many were open at once at most.

        The tool itself may not notice: a slow reader has enough in its buffers to go on for minutes.
        """
        process = subprocess.Popen(
            ["slowhttptest", "-u", f"https://localhost:{self.site.port}{target}", "-c", str(SLOW), "-r", "150", "-l", "600",
             "-p", "600", *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        most = self.most_unsent = 0

        def over():
            nonlocal most
            now = self.gateway.metric("tallygate_connections_open")
            most = max(most, now)
            self.most_unsent = max(self.most_unsent, self.unsent())
            return process.poll() is not None or (most > PER_ADDRESS // 2 and now <= GOOD + PROBES)

        wait_until(over, 120, "the gateway has cut the slow ones")
        process.kill()
        return most

    def check(self, *options, **more):
        before = self.gateway.rss_kib()
        since = journal.size(self.site.journal)
        others = Beside(self.pki, self.site.port)
        self.addCleanup(others.stop)
        wait_until(lambda: others.served >= GOOD, what="everybody is served")
        served = others.served
        most = self.attack(*options, **more)
        self.assertGreater(others.served, served, "meanwhile others are served")
        others.stop()
        self.assertEqual(others.wrong, [], "every one of them, with 200")
        self.assertGreater(most, PER_ADDRESS // 2, "the attack took place")
        self.assertLessEqual(most, PER_ADDRESS + GOOD)
        self.assertLess(self.most_unsent, UNSENT)
        self.assertLess(self.gateway.peak_rss_kib() - before, MEMORY_KIB)
        wait_until(lambda: self.gateway.metric("tallygate_connections_open") == 0, what="no connection is left")
        entries = journal.entries(self.site.journal, since)
        good = [entry for entry in entries if entry["kind"] == "access.allow" and entry["request"]["path"] == "/public/good"]
        self.assertEqual(len(good), others.served)
        return since

    def ends_of(self, since, path, method):
        """How the requests for a path ended, each once: {how: how many}."""
        def ended():
            entries = journal.entries(self.site.journal, since)
            allowed = sorted(entry["seq"] for entry in entries if entry["kind"] == "access.allow"
                             and (entry["request"]["path"], entry["request"]["method"]) == (path, method))
            ends = [entry for entry in entries if entry["kind"] == "access.end" and entry["of"] in allowed]
            return (ends, allowed) if len(ends) >= len(allowed) else None
        ends, allowed = wait_until(ended, what="the end of each request is on record")
        self.assertEqual(sorted(entry["of"] for entry in ends), allowed)
        return collections.Counter(entry["ended"] for entry in ends)

    def assert_cut(self, since, path, method, *how):
        ends = self.ends_of(since, path, method)
        self.assertGreater(sum(ends[one] for one in how), PER_ADDRESS // 2)
        self.assertLessEqual(set(ends), {*how, "client-closed"})  # which are probes, and what ended with the tool

    def test_heads_that_come_line_by_line_are_cut(self):
        since = self.check("-H", "-i", "1", "-x", "10")
        # A head that is never whole is no request; those of the probes are.
        self.assertLessEqual(set(self.ends_of(since, "/public/slow", "GET")), {"complete"})

    def test_bodies_that_come_byte_by_byte_are_cut_when_the_whole_exchange_takes_too_long(self):
        since = self.check("-B", "-i", "1", "-x", "10", "-s", "8192")
        self.assert_cut(since, "/public/slow", "POST", "deadline")

    def test_bodies_that_stop_are_cut(self):
        since = self.check("-B", "-i", "30", "-x", "10", "-s", "8192")
        self.assert_cut(since, "/public/slow", "POST", "client-timeout")

    def test_readers_that_take_a_few_bytes_a_second_are_cut(self):
        target = f"/bytes/{LARGE}"
        self.site.policy["resources"]["public"]["paths"].append("/bytes/**")
        self.site.write()
        self.gateway.reload()
        since = self.check("-X", "-w", "512", "-y", "1024", "-n", "1", "-z", "16", target=target)
        self.assert_cut(since, target, "GET", "client-timeout", "deadline")


if __name__ == "__main__":
    unittest.main()
