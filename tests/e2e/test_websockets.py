"""WebSockets end when what allowed them ends, and both the client and the record are told why."""

import base64
import datetime
import hashlib
import json
import os
import socket
import struct
import threading
import unittest
import urllib.parse

from support import journal
from support.case import SiteCase
from support.h2 import Http2Client, http2_context
from support.pki import HOST
from support.site import PASSWORDS, Gateway
from support.upstreams import WEBSOCKET_GUID, wait_until
from support.websocket import frame, read_frame
from support.wire import Reader
from test_login import Form

UPGRADE = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]
POLICY_VIOLATION = 1008


def soon(seconds):
    """A time not far from now, as policies write it."""
    when = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class HalfFrame:
    """An application that opens a WebSocket and then sends half a frame."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.ended = threading.Event()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        sock, _ = self._listener.accept()
        request = Reader(sock).head()
        key = request.get("Sec-WebSocket-Key").encode()
        accept = base64.b64encode(hashlib.sha1(key + WEBSOCKET_GUID).digest()).decode()
        sock.sendall("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode() + b"\x82\x0ahalf")
        while sock.recv(1024):
            pass
        sock.close()
        self.ended.set()

    def stop(self):
        self._listener.close()


class Websockets(SiteCase):
    @classmethod
    def new_site(cls, upstream_port=None):
        site = super().new_site(upstream_port)
        site.settings["limits"]["timeouts"]["drain"] = "1s"  # those that stay open end with their clients
        site.write()
        return site

    def serve(self, site):
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        return gateway

    def open(self, site, *headers, path="/ws"):
        """A WebSocket that works: (client, its decision)."""
        client = self.connect(site)
        client.send(client.request_bytes("GET", path, [*headers, *UPGRADE]))
        answer = client.response()
        self.assertEqual(answer.status, 101)
        if path == "/ws":
            client.send(frame(1, b"hello", os.urandom(4)))
            self.assertEqual(read_frame(client), (1, b"hello"))
        return client, self.decision(site, answer)

    def closed(self, client, site, decision, reason):
        """The client is told the reason, the connection ends, and the record says the same."""
        opcode, payload = read_frame(client)
        self.assertEqual((opcode, struct.unpack("!H", payload[:2])[0], payload[2:]),
                         (8, POLICY_VIOLATION, reason.encode()))
        self.assertTrue(client.at_end())
        self.ended(site, decision, reason)

    def ended(self, site, decision, reason):
        def end():
            return [entry for entry in journal.entries(site.journal)
                    if entry["kind"] == "access.end" and entry["of"] == decision["seq"]]

        wait_until(end, what="the end is on record")
        self.assertEqual([(entry["status"], entry["ended"]) for entry in end()], [(101, reason)])

    def deny_websockets(self, site):
        site.policy["rules"].append({"id": "no-sockets", "effect": "deny", "roles": ["everyone"], "resources": ["sockets"],
                                     "methods": ["any"]})
        site.policy["resources"]["sockets"] = {"hosts": [HOST], "paths": ["/ws"]}
        site.write()

    def test_a_reload_that_forbids_them_cuts_them_and_says_so(self):
        site = self.new_site()
        with self.serve(site) as gateway:
            open_ones = [self.open(site, site.bearer()) for _ in range(20)]
            beside = self.connect(site)
            self.assertEqual(beside.ask("GET", "/pages/1", [site.bearer()]).status, 200)
            self.deny_websockets(site)
            gateway.reload()
            for client, decision in open_ones:
                self.closed(client, site, decision, "policy-changed")
            self.assertEqual(beside.ask("GET", "/pages/1", [site.bearer()]).status, 200)
        self.assert_sound(site)

    def test_over_http_2_too(self):
        site = self.new_site()
        with self.serve(site) as gateway:
            client = Http2Client(self.pki, site.port, context=http2_context(self.pki), timeout=20)
            self.addCleanup(client.close)
            name, value = site.bearer()
            number = client.open([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
                                  (":path", "/ws"), (":authority", HOST), ("sec-websocket-version", "13"),
                                  (name.lower(), value)], ended=False)
            answer = client.answers[number]
            client.until(lambda: answer.heads)
            decision = self.decision(site, answer)
            self.deny_websockets(site)
            gateway.reload()
            client.answer(number)
            self.assertEqual(bytes(answer.body), frame(8, struct.pack("!H", POLICY_VIOLATION) + b"policy-changed"))
            self.assertTrue(answer.ended)
            self.ended(site, decision, "policy-changed")
            self.assertEqual(client.ask("GET", "/public/x").status, 200)

    def test_a_frame_that_the_application_had_begun_is_not_mixed_with_a_goodbye(self):
        half = HalfFrame()
        self.addCleanup(half.stop)
        site = self.new_site(half.port)
        with self.serve(site) as gateway:
            client, decision = self.open(site, site.bearer(), path="/half")
            self.assertEqual(client.exactly(6), b"\x82\x0ahalf")
            site.policy["rules"].append({"id": "no-halves", "effect": "deny", "roles": ["everyone"],
                                         "resources": ["pages"], "methods": ["any"]})
            site.write()
            gateway.reload()
            self.assertTrue(client.at_end(), "nothing follows what had begun")
            self.ended(site, decision, "policy-changed")
            self.assertTrue(half.ended.wait(20))

    def test_a_token_that_expires_takes_them_with_it(self):
        site = self.new_site()
        tokens = json.loads((site.root / "tokens.yaml").read_text())
        tokens["tokens"][0]["expires"] = soon(3)
        tokens["tokens"].append(tokens["tokens"].pop(0))
        (site.root / "tokens.yaml").write_text(json.dumps(tokens))
        short = next(token for token in tokens["tokens"] if "expires" in token)["name"]
        with self.serve(site):
            client, decision = self.open(site, site.bearer(short))
            lasting, _ = self.open(site, site.bearer(next(name for name in site.tokens if name != short)))
            self.closed(client, site, decision, "credential-expired")
            lasting.send(frame(1, b"still here", os.urandom(4)))
            self.assertEqual(read_frame(lasting), (1, b"still here"))

    def test_a_binding_that_ends_takes_them_with_it(self):
        site = self.new_site()
        site.policy["bindings"] = [binding for binding in site.policy["bindings"] if binding["role"] != "reader"]
        site.policy["bindings"].append({"role": "reader", "groups": ["staff"], "until": soon(3)})
        site.write()
        with self.serve(site):
            client, decision = self.open(site, site.bearer("robot"))
            self.closed(client, site, decision, "policy-changed")

    def test_a_logout_takes_them_with_it(self):
        site = self.new_site()
        with self.serve(site):
            client = self.connect(site)
            origin = ("Origin", f"https://{HOST}")
            html = ("Accept", "text/html")
            page = client.ask("GET", "/.tallygate/login", [html])
            form = Form(page.body.decode())
            cookies = [("Cookie", cookie.split(";")[0]) for cookie in page.all("Set-Cookie")]
            fields = {**form.fields, "user": "alice", "password": PASSWORDS["alice"]}
            plain = ("Content-Type", "application/x-www-form-urlencoded")
            page = client.ask("POST", "/.tallygate/login", [html, origin, plain, *cookies],
                              urllib.parse.urlencode(fields).encode())
            self.assertEqual(page.status, 303)
            session = next(("Cookie", cookie.split(";")[0]) for cookie in page.all("Set-Cookie")
                           if cookie.startswith("__Host-tallygate="))
            socket_, decision = self.open(site, session)
            form = Form(client.ask("GET", "/.tallygate/logout", [html, session]).body.decode())
            page = client.ask("POST", "/.tallygate/logout", [html, origin, plain, session],
                              urllib.parse.urlencode(form.fields).encode())
            self.assertIn(page.status, (200, 303))
            self.closed(socket_, site, decision, "session-ended")

    def test_a_request_that_waits_for_its_answer_is_told_that_the_policy_changed(self):
        """It reached the application while it was allowed; nothing of an answer has begun."""
        site = self.new_site()
        with self.serve(site) as gateway:
            client = self.connect(site)
            client.send(client.request_bytes("GET", "/hold", [site.bearer()]))
            wait_until(lambda: self.app.holding == 1, what="the application holds the request")
            site.policy["rules"] = [rule for rule in site.policy["rules"] if rule["id"] != "read-pages"]
            site.write()
            gateway.reload()
            answer = client.response()
            self.assertEqual(answer.status, 403)
            self.assertIn(b"policy-changed", answer.body)
            self.app.release()
            decision = self.decision(site, answer)
            self.assertEqual(decision["kind"], "access.allow")

            def ends():
                return [entry for entry in journal.entries(site.journal)
                        if entry["kind"] == "access.end" and entry["of"] == decision["seq"]]

            wait_until(ends, what="the end is on record")
            self.assertEqual((ends()[0]["status"], ends()[0]["ended"]), (403, "policy-changed"))

    def test_they_have_an_idle_limit_of_their_own(self):
        site = self.new_site()
        route = site.settings["routes"][0]
        route["websocket"] = {"idle": "1s"}
        route["upstream"]["idle_timeout"] = "60s"
        site.write()
        with self.serve(site):
            client, decision = self.open(site, site.bearer())
            self.assertTrue(client.at_end())
            self.ended(site, decision, "idle")

    def test_an_applications_ping_is_the_clients_to_answer(self):
        site = self.new_site()
        with self.serve(site):
            client, _ = self.open(site, site.bearer())
            client.send(frame(9, b"are you there", os.urandom(4)))
            self.assertEqual(read_frame(client), (9, b"are you there"))


if __name__ == "__main__":
    unittest.main()
