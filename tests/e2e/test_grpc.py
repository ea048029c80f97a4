"""gRPC through the gateway, with the client and the server that applications use: all four kinds of streaming."""

import json
import os
import subprocess
import threading
import unittest
from pathlib import Path

from support import journal
from support.case import SiteCase
from support.pki import HOST
from support.site import Gateway
from support.upstreams import wait_until

HERE = Path(__file__).parent / "grpc"
MODULES = Path(os.environ["SOURCE_DIR"]) / "build" / "npm" / "node_modules"
ENVIRONMENT = {**{name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")},
               "NODE_PATH": str(MODULES)}


class Server:
    """The gRPC server; `events` are what it said, in order."""

    def __init__(self, *files):
        self.events = []
        self.process = subprocess.Popen(["node", str(HERE / "server.js"), *files], stdout=subprocess.PIPE,
                                        env=ENVIRONMENT, text=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        wait_until(lambda: self.events or self.process.poll() is not None, what="the gRPC server")
        self.port = self.events[0]["port"]

    def _read(self):
        for line in self.process.stdout:
            self.events.append(json.loads(line))

    def named(self, event):
        return [one for one in self.events if one["event"] == event]

    def stop(self):
        self.process.kill()
        self.process.wait()
        self._reader.join()
        self.process.stdout.close()


class GrpcCase(SiteCase):
    """One gateway before one gRPC server."""

    scheme = "h2c"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        if not MODULES.is_dir():
            raise AssertionError("there is no gRPC to test with: run scripts/install test")
        files = [cls.pki.path("server.pem"), cls.pki.path("server.key")] if cls.scheme == "h2" else []
        cls.server = Server(*files)
        cls.addClassCleanup(cls.server.stop)
        cls.site = cls.new_site()
        route = cls.site.settings["routes"][0]
        route["upstream"] = {"servers": [f"{cls.scheme}://127.0.0.1:{cls.server.port}"]}
        if cls.scheme == "h2":
            route["upstream"]["ca"] = cls.pki.path("ca.pem")
        del route["websocket"]
        cls.site.write()
        cls.gateway = Gateway(cls.site)
        cls.addClassCleanup(cls._finish)

    @classmethod
    def _finish(cls):
        try:
            cls.gateway.stop()
            count = journal.check_chain(cls.site.journal)
            assert journal.verify(cls.site)["entries"] == count
        finally:
            cls.gateway.kill()

    def setUp(self):
        self.server.events.clear()
        self.before = len(journal.entries(self.site.journal))

    def asking(self, method, token="ci", **more):
        return {"address": f"127.0.0.1:{self.site.port}", "authority": f"{HOST}:{self.site.port}",
                "ca": self.pki.path("ca.pem"), "method": method, "token": self.site.tokens.get(token), **more}

    def call(self, method, **more):
        """The outcome of one call, as its client saw it."""
        done = subprocess.run(["node", str(HERE / "client.js"), json.dumps(self.asking(method, **more))],
                              capture_output=True, text=True, timeout=60, check=False, env=ENVIRONMENT)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(done.stdout)

    def recorded(self):
        """The decision and the end of the one call since the test began; a refusal has no end."""
        def new():
            entries = journal.entries(self.site.journal)
            decisions = [e for e in entries[self.before:] if e["kind"] in ("access.allow", "access.deny")]
            ends = [e for e in entries if e["kind"] == "access.end" and decisions and e["of"] == decisions[0]["seq"]]
            return (decisions, ends) if ends or (decisions and decisions[0]["kind"] == "access.deny") else None
        decisions, ends = wait_until(new, what="the call is on record")
        self.assertEqual((len(decisions), len(ends)), (1, 0 if decisions[0]["kind"] == "access.deny" else 1))
        return decisions[0], ends[0] if ends else None

    def is_complete(self):
        entry, end = self.recorded()
        self.assertEqual((entry["kind"], entry["request"]["method"]), ("access.allow", "POST"))
        self.assertEqual(end["ended"], "complete")
        return entry, end


class Kinds(GrpcCase):
    def test_one_message_each_way(self):
        outcome = self.call("Unary", send=["world"])
        self.assertEqual((outcome["code"], outcome["messages"]), ("OK", ["hello world"]))
        self.assertEqual(outcome["trailers"]["x-trailer"], "of the server")
        entry, _ = self.is_complete()
        self.assertEqual(entry["request"]["path"], "/e2e.Calls/Unary")
        told = self.server.named("call")[0]["metadata"]
        self.assertEqual((told["x-from-client"], told["x-forwarded-user"]), ("yes", "ci"))
        self.assertIn("x-tallygate-assertion", told)
        self.assertNotIn("authorization", told)

    def test_many_messages_to_the_server(self):
        outcome = self.call("Collect", sizes="200x20000")
        self.assertEqual((outcome["code"], outcome["messages"]), ("OK", ["200 messages, 4000000 bytes"]))
        _, end = self.is_complete()
        self.assertEqual(end["bytes"]["in"], 200 * 20005)

    def test_many_messages_from_the_server(self):
        outcome = self.call("Spread", send=["200x20000"])
        self.assertEqual((outcome["code"], outcome["count"], outcome["bytes"]), ("OK", 200, 4_000_000))
        self.assertEqual(outcome["trailers"]["x-trailer"], "of the server")
        _, end = self.is_complete()
        self.assertEqual(end["bytes"]["out"], 200 * 20005)

    def test_messages_both_ways_at_once(self):
        said = [f"word {i}" for i in range(50)]
        outcome = self.call("Talk", send=said)
        self.assertEqual((outcome["code"], outcome["messages"]), ("OK", [f"you said {word}" for word in said]))
        self.is_complete()

    def test_many_small_messages_are_no_flood(self):
        outcome = self.call("Spread", send=["5000x5"])
        self.assertEqual((outcome["code"], outcome["count"]), ("OK", 5000))

    def test_an_error_of_the_server_is_the_clients(self):
        outcome = self.call("Fail", send=["x"])
        self.assertEqual((outcome["code"], outcome["details"]), ("FAILED_PRECONDITION", "not now"))
        self.is_complete()

    def test_a_method_that_the_server_does_not_have_is_its_own_answer(self):
        self.assertEqual(self.call("Unary", path="/e2e.Calls/Missing")["code"], "UNIMPLEMENTED")

    def test_a_denied_call_is_permission_denied_and_does_not_reach_the_server(self):
        for more in ({"path": "/vault/Unary"}, {"token": "robot"}):
            self.before = len(journal.entries(self.site.journal))
            outcome = self.call("Unary", send=["x"], **more)
            self.assertEqual(outcome["code"], "PERMISSION_DENIED")
            entry, end = self.recorded()
            self.assertEqual((entry["kind"], end), ("access.deny", None))
        self.assertEqual(self.server.named("call"), [])

    def test_a_caller_whom_nobody_knows_is_unauthenticated(self):
        self.assertEqual(self.call("Unary", token="nobody", send=["x"])["code"], "UNAUTHENTICATED")
        self.assertEqual(self.server.named("call"), [])

    def test_a_deadline_reaches_the_server(self):
        outcome = self.call("Wait", deadline_ms=4000)
        self.assertEqual((outcome["code"], outcome["messages"]), ("DEADLINE_EXCEEDED", ["waiting"]))
        wait_until(lambda: self.server.named("cancelled"), what="the server is told")
        _, end = self.recorded()
        # Both know the deadline, and either may be the first to act on it: the server with an answer that says so.
        self.assertIn(end["ended"], ("client-closed", "upstream-closed", "complete"))

    def test_a_call_that_is_cancelled_is_cancelled_at_the_server(self):
        outcome = self.call("Wait", cancel_after=1)
        self.assertEqual(outcome["code"], "CANCELLED")
        wait_until(lambda: self.server.named("cancelled"), what="the server is told")
        _, end = self.recorded()
        self.assertEqual(end["ended"], "client-closed")


class UnderTls(GrpcCase):
    scheme = "h2"

    def test_all_kinds_work(self):
        self.assertEqual(self.call("Unary", send=["world"])["messages"], ["hello world"])
        self.assertEqual(self.call("Collect", sizes="20x20000")["messages"], ["20 messages, 400000 bytes"])
        self.assertEqual(self.call("Spread", send=["20x20000"])["count"], 20)
        self.assertEqual(self.call("Talk", send=["a", "b"])["messages"], ["you said a", "you said b"])


class Dying(GrpcCase):
    def test_a_server_that_dies_is_unavailable_or_internal_and_on_record(self):
        asked = self.asking("Wait")
        client = subprocess.Popen(["node", str(HERE / "client.js"), json.dumps(asked)], stdout=subprocess.PIPE,
                                  text=True, env=ENVIRONMENT)
        wait_until(lambda: self.server.named("call"), what="the call reaches the server")
        self.server.process.kill()
        out, _ = client.communicate(timeout=30)
        self.assertIn(json.loads(out)["code"], ("UNAVAILABLE", "INTERNAL", "UNKNOWN"))
        _, end = self.recorded()
        self.assertEqual(end["ended"], "upstream-closed")
        self.assertEqual(self.call("Unary", send=["x"])["code"], "UNAVAILABLE")


if __name__ == "__main__":
    unittest.main()
