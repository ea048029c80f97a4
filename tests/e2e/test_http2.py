"""HTTP/2 as clients speak it, and as attackers do: what is answered, what the application got, what is on record."""

import os
import struct
import subprocess
import unittest

from support import journal
from support.case import ServedCase
from support.h2 import (CANCEL, CONTINUATION, DATA, END_STREAM, ENHANCE_YOUR_CALM, HEADERS, INTERNAL_ERROR, NO_ERROR, PING,
                        PROTOCOL_ERROR, RST_STREAM, SETTINGS, Http2Client, block, frame)
from support.pki import HOST
from support.site import tallygate
from support.upstreams import wait_until
from support.websocket import frame as websocket_frame
from support.wire import client_context


FLOW_CONTROL_ERROR = 3


class Http2Case(ServedCase):
    def client(self, **options):
        client = Http2Client(self.pki, self.site.port, **options)
        self.addCleanup(client.close)
        return client

    def writer(self):
        return [self.site.bearer("ci")]

    def ends(self, answer_id=None, of=None):
        entries = journal.entries(self.site.journal)
        if of is None:
            of = [entry["seq"] for entry in entries if entry.get("request", {}).get("id") == answer_id
                  and entry["kind"].startswith("access.") and entry["kind"] != "access.end"][0]
        return [entry for entry in entries if entry["kind"] == "access.end" and entry["of"] == of]

    def end_of(self, entry):
        """The one `access.end` of a decision."""
        wait_until(lambda: self.ends(of=entry["seq"]), what="the end is on record")
        found = self.ends(of=entry["seq"])
        self.assertEqual(len(found), 1, found)
        return found[0]

    def decisions_of(self, path):
        return [entry for entry in journal.entries(self.site.journal)
                if entry["kind"] in ("access.allow", "access.deny") and entry["request"].get("path") == path]

    def others_are_served(self):
        with Http2Client(self.pki, self.site.port) as client:
            self.assertEqual(client.ask("GET", "/public/after").status, 200)

    def over(self, client):
        """Ends a client; what the application got does not change any more."""
        client.close()
        self.settle()


class Requests(Http2Case):
    def test_both_protocols_are_offered_on_one_listener(self):
        self.assertEqual(self.client().sock.selected_alpn_protocol(), "h2")
        both = client_context(self.pki)
        self.assertEqual(self.ask(self.site, "GET", "/public/x").status, 200)
        self.assertEqual(both.verify_mode.name, "CERT_REQUIRED")

    def test_a_request_is_judged_recorded_and_answered_like_any_other(self):
        answer = self.client().ask("GET", "/pages/1?q=1", self.writer())
        self.assertEqual((answer.status, answer.body), (200, b"app: GET /pages/1?q=1\n"))
        entry = self.decision(self.site, answer)
        self.assertEqual((entry["kind"], entry["request"]["protocol"]), ("access.allow", "HTTP/2.0"))
        self.assertEqual((entry["request"]["host"], entry["request"]["path"]), (HOST, "/pages/1"))
        self.assertEqual(self.end_of(entry)["ended"], "complete")
        told = self.told(self.seen())
        self.assertEqual(told["host"], [HOST])
        self.assertEqual(told["x-request-id"], [answer.request_id])
        self.assertNotIn("authorization", told)

    def test_a_refusal_is_answered_and_recorded_and_the_connection_goes_on(self):
        client = self.client()
        denied = client.ask("POST", "/vault/x", self.writer(), b"x" * 1000)
        self.assertEqual(denied.status, 403)
        entry = self.decision(self.site, denied)
        self.assertEqual((entry["kind"], entry["request"]["protocol"]), ("access.deny", "HTTP/2.0"))
        self.assertEqual(self.app.requests, [])
        self.assertEqual(client.ask("GET", "/pages/1", self.writer()).status, 200)

    def test_many_streams_go_on_at_once(self):
        client = self.client()
        held = client.start("GET", "/hold", self.writer())
        wait_until(lambda: self.app.holding == 1, what="one is held")
        numbers = [client.start("GET", f"/pages/{i}", self.writer()) for i in range(50)]
        answers = [client.answer(number) for number in numbers]
        self.assertEqual([a.body for a in answers], [f"app: GET /pages/{i}\n".encode() for i in range(50)])
        self.assertFalse(client.answers[held].ended)
        self.app.release()
        self.assertEqual(client.answer(held).status, 200)
        entries = journal.entries(self.site.journal)
        for i, answer in enumerate(answers):
            self.assertEqual(self.decision(self.site, answer, entries)["request"]["path"], f"/pages/{i}")

    def test_cookies_in_crumbs_reach_the_application_as_one_line(self):
        self.client().ask("GET", "/headers", [*self.writer(), ("cookie", "a=1"), ("cookie", "b=2")])
        self.assertEqual(self.told(self.seen())["cookie"], ["a=1; b=2"])

    def test_what_claims_something_is_removed(self):
        self.client().ask("GET", "/headers", [*self.writer(), ("x-forwarded-user", "root"), ("x_forwarded_user", "root")])
        self.assertEqual(self.told(self.seen())["x-forwarded-user"], ["ci"])

    def test_pages_of_the_gateway_are_served(self):
        client = self.client()
        self.assertIn(b"Sign in", client.ask("GET", "/.tallygate/login").body)
        asked = client.ask("GET", "/pages/1", [("accept", "text/html"), ("sec-fetch-mode", "navigate")])
        self.assertEqual(asked.status, 303)
        refused = client.ask("POST", "/.tallygate/login", [("content-type", "application/x-www-form-urlencoded")],
                             b"user=alice&password=wrong")
        self.assertIn(refused.status, (400, 401, 403))

    def test_malformed_heads_are_refused_and_recorded_and_others_are_served(self):
        client = self.client()
        good = client.fields("GET", "/pages/1", self.writer())
        for reason, fields in (
                ("name-case", [*good, ("X-Upper", "1")]),
                ("connection-field", [*good, ("connection", "close")]),
                ("connection-field", [*good, ("transfer-encoding", "chunked")]),
                ("connection-field", [*good, ("te", "gzip")]),
                ("connection-field", [*good, ("upgrade", "h2c")]),
                ("control-byte", [*good, ("x", "a\r\nx-forwarded-user: root")]),
                ("control-byte", [*good, ("x", "a\0b")]),
                ("value-blank", [*good, ("x", " a")]),
                ("name-not-token", [*good, ("a b", "1")]),
                ("pseudo-field", good[1:]),
                ("pseudo-field", [*good, good[0]]),
                ("pseudo-field", [*good[:2], (":path", "/a b"), *good[3:]]),
                ("pseudo-field", [*good[:2], (":path", "/a HTTP/1.1\r\nHost: evil"), *good[3:]]),
                ("pseudo-field", [*good[:2], (":path", "https://evil.example.net/"), *good[3:]]),
                ("pseudo-field", [good[0], (":scheme", "http"), *good[2:]]),
                ("pseudo-field", [("a", "b"), *good]),
                ("pseudo-field", [(":method", "CONNECT"), (":authority", HOST)]),
                ("authority", [*good, ("host", "evil.example.net")]),
                ("authority", [*good, ("host", HOST), ("host", HOST)]),
                ("content-length", [*good, ("content-length", "+1")]),
                ("host", [field for field in good if field[0] != ":authority"]),
                ("method", [(":method", "TRACE"), *good[1:]])):
            with self.subTest(reason, fields=fields[len(good):] or fields):
                answer = client.answer(client.open(fields))
                self.assertEqual((answer.status, answer.reset), (400, None))
                entry = self.decision(self.site, answer)
                self.assertEqual((entry["kind"], entry["decision"]["reasons"]), ("access.deny", [reason]))
                self.assertEqual(entry["request"]["protocol"], "HTTP/2.0")
        self.assertEqual(client.ask("GET", "/pages/1", self.writer()).status, 200)
        self.over(client)
        self.assertEqual(([request.target for request in self.app.requests], self.app.garbage), (["/pages/1"], []))

    def test_paths_have_the_checks_of_http_1(self):
        client = self.client()
        for path in ("/public/../vault/x", "/public/%2e%2e/vault/x", "/a%2fb", "/a%00b", "/a\\b", "/%zz"):
            with self.subTest(path):
                old = self.ask(self.site, "GET", path, self.writer())
                new = client.ask("GET", path, self.writer())
                self.assertEqual(new.status, old.status)
                self.assertEqual(self.decision(self.site, new)["decision"]["reasons"],
                                 self.decision(self.site, old)["decision"]["reasons"])

    def test_a_host_that_nobody_serves_is_misdirected(self):
        client = self.client()
        fields = [field if field[0] != ":authority" else (":authority", "other.example.com")
                  for field in client.fields("GET", "/")]
        self.assertEqual(client.answer(client.open(fields)).status, 421)

    def test_heads_over_the_limits_are_431(self):
        client = self.client()
        many = [(f"x-{i}", "1") for i in range(200)]
        large = [("x", "y" * 14_000), ("z", "y" * 14_000), ("w", "y" * 14_000)]
        for fields, reason in ((many, "too-many-fields"), (large, "head-too-large")):
            fields = client.fields("GET", "/pages/1", [*self.writer(), *fields])
            answer = client.answer(client.open_in_pieces(fields))
            self.assertEqual(answer.status, 431)
            self.assertEqual(self.decision(self.site, answer)["decision"]["reasons"], [reason])

    def test_curl_and_nghttp_are_served(self):
        address = f"{HOST}:{self.site.port}"
        curl = subprocess.run(["curl", "-sS", "--http2", "--noproxy", "*", "--cacert", self.pki.path("ca.pem"), "--resolve",
                               f"{address}:127.0.0.1", "-w", "%{http_version} %{http_code}", "-H",
                               ": ".join(self.site.bearer("ci")), "--data-binary", "@" + os.environ["TALLYGATE_BIN"],
                               f"https://{address}/sha256"], capture_output=True, timeout=60, check=True)
        self.assertTrue(curl.stdout.endswith(b"2 200"), curl.stdout)
        self.assertIn(b'"bytes": %d' % os.path.getsize(os.environ["TALLYGATE_BIN"]), curl.stdout)
        nghttp = subprocess.run(["nghttp", "-nv", "-m", "10", "-H", f":authority: {HOST}",
                                 f"https://127.0.0.1:{self.site.port}/public/x"], capture_output=True, timeout=60, check=True)
        self.assertEqual(nghttp.stdout.count(b":status: 200"), 10)


    def test_what_was_recorded_is_computed_again_without_a_finding(self):
        client = self.client()
        for path in ("/pages/1", "/vault/x", "/public/x", "/public/../vault/x", "/a%2fb"):
            client.ask("GET", path, self.writer())
        client.ask("GET", "/pages/1", [*self.writer(), ("connection", "close")])
        client.answer(client.open([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"),
                                   (":path", "/ws"), (":authority", HOST), ("sec-websocket-version", "13"),
                                   ("origin", "https://evil.example.net"),
                                   *[(name.lower(), value) for name, value in self.writer()]], ended=False))
        done = tallygate("audit", "decisions", "-c", self.site.config, "--root", self.site.root_key)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


class Deadlines(Http2Case):
    @classmethod
    def adjust(cls, site):
        site.settings["limits"]["timeouts"].update(keep_alive="1s", head="1s", body_idle="1s")

    def test_an_idle_connection_is_told_goodbye_and_closed(self):
        client = self.client()
        self.assertEqual(client.ask("GET", "/public/x").status, 200)
        self.assertTrue(client.at_end())
        self.assertEqual(client.goaways[-1][1], NO_ERROR)

    def test_a_client_that_says_nothing_at_all_is_closed(self):
        self.assertTrue(self.client(greet=False).at_end())

    def test_a_head_that_does_not_end_ends_the_connection(self):
        client = self.client()
        self.assertTrue(client.barrier())
        client.send(frame(HEADERS, END_STREAM, 1, block(client.fields("GET", "/public/x"))))
        self.assertTrue(client.at_end())
        self.assertEqual(client.goaways[-1][1], ENHANCE_YOUR_CALM)

    def test_a_body_that_does_not_come_ends_its_stream_alone(self):
        client = self.client()
        number = client.start("POST", "/sha256?stalled", self.writer(), ended=False)
        client.data(number, b"half")
        held = client.start("GET", "/hold", self.writer())
        self.assertEqual(client.answer(number).reset, CANCEL)
        self.assertEqual(self.end_of(self.decisions_of("/sha256")[-1])["ended"], "client-timeout")
        self.app.release()
        self.assertEqual(client.answer(held).status, 200)

    def test_a_window_that_stays_shut_ends_its_stream_alone(self):
        client = self.client(window=100)
        number = client.start("GET", "/bytes/100000", self.writer())
        held = client.start("GET", "/hold", self.writer())
        answer = client.answer(number)
        self.assertEqual((len(answer.body), answer.reset), (100, CANCEL))
        self.assertEqual(self.end_of(self.decision(self.site, answer))["ended"], "client-timeout")
        self.app.release()
        self.assertEqual(client.answer(held).status, 200)


class Bodies(Http2Case):
    def test_bodies_of_all_sizes_arrive_whole_both_ways(self):
        client = self.client()
        for size in (0, 1, 16_383, 16_384, 16_385, 100_000, 1_000_003):
            with self.subTest(size):
                self.app.clear()
                body = os.urandom(size)
                number = client.start("POST", "/echo", [*self.writer(), ("content-length", str(size))], ended=False)
                client.upload(number, body)
                answer = client.answer(number)
                self.assertEqual((answer.status, answer.body == body), (200, True))
                self.assertEqual(self.seen().get("content-length"), str(size) if size else None)

    def test_trailers_go_both_ways(self):
        client = self.client()
        number = client.start("POST", "/echo", [*self.writer(), ("te", "trailers")], ended=False)
        client.data(number, b"abc")
        client.trailers(number, [("checksum", "42")])
        answer = client.answer(number)
        self.assertEqual((answer.body, answer.trailers), (b"abc", [("checksum", "42")]))
        self.assertEqual(self.seen().trailers, [("checksum", "42")])
        self.assertEqual(self.client().ask("GET", "/chunks", self.writer()).trailers, [("sum", "3")])

    def test_trailers_that_claim_something_do_not_reach_the_application(self):
        for name in ("x-forwarded-user", "authorization", "content-length", "host", ":path", "Upper"):
            with self.subTest(name):
                self.app.clear()
                client = self.client()
                number = client.start("POST", "/echo", self.writer(), ended=False)
                client.data(number, b"abc")
                client.trailers(number, [(name, "evil")])
                answer = client.answer(number)
                self.assertTrue(answer.status in (None, 400), answer.status)
                self.over(client)
                for request in self.app.requests:
                    self.assertEqual(request.trailers, [])

    def test_a_body_unlike_its_length_is_an_error_of_its_stream(self):
        for body in (b"ab", b"abcd"):
            with self.subTest(body):
                self.app.clear()
                client = self.client()
                number = client.start("POST", "/echo", [*self.writer(), ("content-length", "3")], ended=False)
                client.data(number, body, ended=True)
                self.assertEqual(client.answer(number).reset, PROTOCOL_ERROR)
                self.assertEqual(client.ask("GET", "/pages/1", self.writer()).status, 200)
                self.over(client)
                self.assertEqual([request.target for request in self.app.requests], ["/pages/1"])

    def test_no_body_follows_where_there_is_none(self):
        client = self.client()
        answer = client.ask("HEAD", "/pages/1", self.writer())
        self.assertEqual((answer.status, answer.pieces), (200, []))
        self.assertGreater(int(answer.get("content-length")), 0)
        self.assertEqual(client.ask("GET", "/204", self.writer()).pieces, [])
        self.assertEqual(client.ask("GET", "/304", self.writer()).status, 304)
        self.assertEqual(client.ask("GET", "/close", self.writer()).body, b"until the end")

    def test_a_client_that_expects_continue_gets_it_only_if_it_may_go_on(self):
        client = self.client()
        number = client.start("POST", "/echo", [*self.writer(), ("expect", "100-continue")], ended=False)
        client.until(lambda: client.answers[number].heads)
        self.assertEqual(client.answers[number].interim, [100])
        client.data(number, b"data", ended=True)
        self.assertEqual(client.answer(number).body, b"data")
        number = client.start("POST", "/vault/x", [*self.writer(), ("expect", "100-continue")], ended=False)
        answer = client.answer(number)
        self.assertEqual((answer.status, answer.interim), (403, []))

    def test_an_early_answer_comes_whole_and_asks_for_no_more(self):
        client = self.client()
        number = client.start("POST", "/early", self.writer(), ended=False)
        client.data(number, b"x" * 10_000)
        answer = client.answer(number)
        self.assertEqual((answer.status, answer.body), (413, b"big\n"))
        client.until(lambda: answer.reset is not None)
        self.assertEqual(answer.reset, NO_ERROR)
        self.assertEqual(client.ask("GET", "/pages/1", self.writer()).status, 200)

    def test_a_slow_reader_gets_no_more_than_its_window_and_holds_up_nobody(self):
        client = self.client(window=1_000)
        slow = client.start("GET", "/bytes/300000000", self.writer())
        client.until(lambda: len(client.answers[slow].body) == 1_000)
        before = self.gateway.rss_kib()
        self.assertTrue(client.barrier())
        self.assertEqual(len(client.answers[slow].body), 1_000)
        for _ in range(20):
            self.assertEqual(client.ask("GET", "/public/x").status, 200)
        self.assertLess(self.gateway.rss_kib() - before, 8_192)
        client.give(slow, 500)
        client.until(lambda: len(client.answers[slow].body) == 1_500)
        client.reset(slow)
        self.assertTrue(client.barrier())

    def test_the_client_may_send_only_as_much_as_the_application_takes(self):
        client = self.client()
        number = client.start("POST", "/hold", self.writer(), ended=False)
        client.barrier()
        client.data(number, b"x" * 65_536)
        self.assertTrue(client.until(lambda: client.windows.get(number, 0) >= 65_536))
        client.data(number, b"", ended=True)
        self.app.release()
        self.assertEqual(client.answer(number).status, 200)


class Websockets(Http2Case):
    @classmethod
    def adjust(cls, site):
        server = site.settings["routes"][0]["upstream"]
        site.settings["routes"].append({"name": "still", "match": {"host": "still.example.com", "path": "/**"},
                                        "upstream": dict(server), "websocket": False})
        site.policy["resources"]["pages"]["hosts"].append("still.example.com")

    def open_websocket(self, client, path="/ws", headers=(), host=HOST):
        return client.open([(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "https"), (":path", path),
                            (":authority", host), ("sec-websocket-version", "13"),
                            *[(name.lower(), value) for name, value in [*self.writer(), *headers]]], ended=False)

    def test_frames_go_through_both_ways(self):
        client = self.client()
        self.assertTrue(client.barrier())
        self.assertEqual(client.settings[8], 1)  # SETTINGS_ENABLE_CONNECT_PROTOCOL
        number = self.open_websocket(client, headers=[("Origin", f"https://{HOST}")])
        answer = client.answers[number]
        client.until(lambda: answer.heads)
        self.assertEqual((answer.status, answer.get("sec-websocket-accept")), (200, None))
        for payload in (b"hello", b"", os.urandom(200), os.urandom(70_000)):
            before = len(answer.body)
            client.data(number, websocket_frame(2, payload, os.urandom(4)))
            want = websocket_frame(2, payload)
            client.until(lambda: len(answer.body) - before >= len(want))
            self.assertEqual(answer.body[before:], want)
        self.assertEqual(client.ask("GET", "/public/beside").status, 200)
        client.data(number, websocket_frame(8, b"\x03\xe8", os.urandom(4)))
        client.answer(number)
        self.assertEqual((answer.ended, answer.reset), (True, None))
        entry = self.decision(self.site, answer)
        self.assertEqual((entry["request"]["method"], entry["request"]["protocol"]), ("GET", "HTTP/2.0"))
        end = self.end_of(entry)
        self.assertEqual((end["status"], end["ended"]), (101, "complete"))
        told = self.told(self.seen_at("/ws"))
        self.assertEqual((told["upgrade"], told["connection"]), (["websocket"], ["Upgrade"]))
        self.assertEqual(len(told["sec-websocket-key"]), 1)

    def seen_at(self, target):
        return [request for request in self.app.requests if request.target == target][-1]

    def test_it_is_refused_where_http_1_refuses_it(self):
        client = self.client()
        for what, status, options in (("origin", 403, {"headers": [("Origin", "https://evil.example.net")]}),
                                      ("websocket", 403, {"host": "still.example.com"}),
                                      ("rule", 403, {"path": "/vault/ws"}),
                                      ("upgrade", 400, {"headers": [("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")]})):
            with self.subTest(what):
                number = self.open_websocket(client, **options)
                client.data(number, b"GET /admin/secret HTTP/1.1\r\nHost: a\r\n\r\n")
                answer = client.answer(number)
                self.assertEqual(answer.status, status)
                self.assertEqual(self.decision(self.site, answer)["decision"]["reasons"], [what])
        self.over(client)
        self.assertEqual((self.app.requests, self.app.garbage), ([], []))

    def test_an_application_that_opens_none_is_never_taken_for_a_tunnel(self):
        client = self.client()
        number = self.open_websocket(client, path="/pages/1")
        client.data(number, b"GET /admin/secret HTTP/1.1\r\nHost: a\r\n\r\n")
        self.assertEqual(client.answer(number).status, 502)
        self.over(client)
        self.assertEqual(self.app.garbage, [])
        self.assertEqual([request.target for request in self.app.requests], ["/pages/1"])

    def test_a_tunnel_that_the_client_gives_up_ends_at_the_application(self):
        client = self.client()
        number = self.open_websocket(client)
        client.until(lambda: client.answers[number].heads)
        entry = self.decision(self.site, client.answers[number])
        client.reset(number)
        self.assertEqual(self.end_of(entry)["ended"], "client-closed")


class Endings(Http2Case):
    def test_a_request_that_the_client_gives_up_is_cancelled_at_the_application(self):
        client = self.client()
        number = client.start("GET", "/hold?given-up", self.writer())
        wait_until(lambda: self.app.holding == 1, what="the request is held")
        client.reset(number)
        self.assertTrue(client.barrier())
        entry = self.decisions_of("/hold")[-1]
        self.assertEqual(self.end_of(entry)["ended"], "client-closed")
        self.app.release()
        self.assertEqual(client.ask("GET", "/pages/1", self.writer()).status, 200)

    def test_a_connection_that_breaks_ends_each_of_its_requests_once(self):
        client = self.client()
        for i in range(5):
            client.start("GET", "/hold", self.writer())
        wait_until(lambda: self.app.holding == 5, what="the requests are held")
        entries = self.decisions_of("/hold")[-5:]
        client.sock.close()
        for entry in entries:
            self.assertEqual(self.end_of(entry)["ended"], "client-closed")
        for _ in range(5):
            self.app.release()

    def test_an_application_that_breaks_off_is_an_error_of_the_stream(self):
        client = self.client(window=1_000)
        broken = client.start("GET", "/bytes/100000000", self.writer())
        client.until(lambda: len(client.answers[broken].body) == 1_000)
        self.app.cut()
        client.give(0, 500_000_000)
        client.give(broken, 500_000_000)
        answer = client.answer(broken)
        self.assertEqual((answer.reset, answer.ended), (INTERNAL_ERROR, False))
        self.assertEqual(self.end_of(self.decision(self.site, answer))["ended"], "upstream-closed")
        self.assertEqual(client.ask("GET", "/pages/1", self.writer()).status, 200)

    def test_an_application_that_breaks_off_before_it_answers_is_a_502(self):
        client = self.client()
        number = client.start("POST", "/hold", self.writer())
        wait_until(lambda: self.app.holding == 1, what="the request is held")
        self.app.cut()
        self.app.release()
        self.assertEqual(client.answer(number).status, 502)
        self.assertEqual(client.ask("GET", "/pages/1", self.writer()).status, 200)


    def test_a_stream_that_breaks_the_protocol_ends_alone(self):
        client = self.client()
        held = client.start("GET", "/hold", self.writer())
        wait_until(lambda: self.app.holding == 1, what="one is held")
        number = client.start("GET", "/bytes/5000000", self.writer())
        for stream in (held, number):
            client.give(stream, 2 ** 31 - 1)  # more than a window can hold
            self.assertEqual(client.answer(stream).reset, FLOW_CONTROL_ERROR)
        self.app.release()
        self.assertEqual(client.ask("GET", "/pages/1", self.writer()).status, 200)


class Floods(Http2Case):
    def calmed(self, client, piece, count=20_000):
        """Sends `piece(i)` until the gateway has had enough; the code it says."""
        try:
            for at in range(0, count, 50):
                client.send(b"".join(piece(i) for i in range(at, at + 50)))
        except OSError:
            pass
        try:
            client.until(lambda: client.goaways)
        except OSError:
            pass
        self.others_are_served()
        return client.goaways[-1][1] if client.goaways else None

    def test_streams_that_are_reset_at_once_end_the_connection(self):
        client = self.client()
        head = block(client.fields("GET", "/public/reset"))

        def piece(i):
            number = 2 * i + 1
            client.answers[number] = type("Ignored", (), {"ended": False, "heads": [], "reset": None, "body": b""})()
            return frame(HEADERS, 5, number, head) + frame(RST_STREAM, 0, number, struct.pack(">I", 8))
        before = len(self.app.requests)
        self.assertIn(self.calmed(client, piece), (ENHANCE_YOUR_CALM, None))
        self.over(client)
        self.assertLess(len(self.app.requests) - before, 300)

    def test_control_frames_without_end_end_the_connection(self):
        empty = {}
        for what, piece in (
                ("ping", lambda i: frame(PING, 0, 0, b"12345678")),
                ("settings", lambda i: frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 1000))),
                ("window update", lambda i: frame(8, 0, 0, struct.pack(">I", 1))),
                ("priority", lambda i: frame(2, 0, 2 * i + 1, b"\0\0\0\0\x10")),
                ("empty data", lambda i: frame(DATA, 0, empty["number"]))):
            with self.subTest(what):
                client = self.client()
                empty["number"] = client.start("POST", "/echo", self.writer(), ended=False)
                self.assertIn(self.calmed(client, piece), (ENHANCE_YOUR_CALM, None))

    def test_a_head_without_end_ends_the_connection(self):
        client = self.client()
        client.send(frame(HEADERS, END_STREAM, 1, block(client.fields("GET", "/public/x"))))
        client.answers[1] = None
        self.calmed(client, lambda i: frame(CONTINUATION, 0, 1, block([("a", "b")])))
        self.assertTrue(client.at_end())

    def test_a_table_that_grows_beyond_all_bounds_when_read_ends_the_connection(self):
        client = self.client()
        head = block(client.fields("GET", "/public/bomb")) + b"\x40\x01a\x7f\xb9\x16" + b"x" * 3000 + b"\xbe" * 12_000
        client.answers[1] = None
        client.send(frame(HEADERS, 5, 1, head))
        client.until(lambda: client.goaways)
        self.assertEqual(client.goaways[-1][1], ENHANCE_YOUR_CALM)
        self.assertTrue(client.at_end())
        self.others_are_served()

    def test_more_streams_than_announced_are_not_served(self):
        client = self.client()
        client.barrier()
        self.assertEqual(client.settings[3], 100)
        for _ in range(100):
            client.start("GET", "/hold", self.writer())
        wait_until(lambda: self.app.holding == 100, what="all are held")
        number = client.start("GET", "/public/one-too-many")
        client.until(lambda: client.goaways or client.answers[number].reset is not None)
        self.assertEqual(self.decisions_of("/public/one-too-many"), [])
        for _ in range(100):
            self.app.release()


class Drain(Http2Case):
    def test_streams_under_way_finish_and_then_the_connection_ends(self):
        client = self.client()
        held = client.start("GET", "/hold", self.writer())
        idle = self.client()
        self.assertTrue(idle.barrier())
        wait_until(lambda: self.app.holding == 1, what="the request is held")
        self.gateway.process.terminate()
        self.assertTrue(idle.at_end())
        self.assertEqual(idle.goaways[-1][1], NO_ERROR)
        client.until(lambda: client.goaways and client.goaways[-1][0] == held)
        self.assertEqual(client.goaways[-1], (held, NO_ERROR))
        self.app.release()
        self.assertEqual(client.answer(held).status, 200)
        self.assertTrue(client.at_end())
        self.gateway.process.wait(30)


if __name__ == "__main__":
    unittest.main()
