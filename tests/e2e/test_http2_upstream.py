"""HTTP/2 to applications: what they are told, what clients of both protocols get, and what goes wrong."""

import hashlib
import os
import socket
import struct
import threading
import unittest

from support import journal
from support.h2 import CANCEL, SETTINGS, Http2Client, frame
from support.http2_app import Http2App
from support.pki import HOST
from support.site import Gateway
from support.upstream_case import UpstreamCase, hello, pour
from support.upstreams import wait_until

REFUSED_STREAM = 7
STREAM_WINDOW = 128 * 1024


class Requests(UpstreamCase):
    def test_a_client_of_either_protocol_gets_the_answer_and_there_is_one_entry(self):
        for answer in (self.ask(self.site, "GET", "/hello?q=1", self.writer()),
                       self.client().ask("GET", "/hello?q=1", self.writer())):
            self.assertEqual((answer.status, answer.body), (200, b"h2: GET /hello?q=1\n"))
            entry, end = self.end_of(answer)
            self.assertEqual(entry["kind"], "access.allow")
            self.assertEqual((end["ended"], end["status"], end["bytes"]["out"]), ("complete", 200, len(answer.body)))
            self.assertEqual(end["upstream"], f"127.0.0.1:{self.h2.port}")

    def test_the_application_is_told_who_asks_and_nothing_of_the_connection(self):
        self.ask(self.site, "GET", "/hello", [
            self.site.bearer("ci"), ("X-Forwarded-User", "root"), ("X_Forwarded_User", "root"), ("Connection", "X-Own"),
            ("X-Own", "1"), ("Keep-Alive", "5"), ("Upgrade", "h2c"), ("HTTP2-Settings", "AAMAAABkAAQAAP__"),
            ("Proxy-Authorization", "x"), ("X-Other", "2"), ("Cookie", "a=1")])
        call = self.h2.call("/hello")
        names = [name for name, _ in call.heads[0]]
        self.assertEqual(names[:4], [":method", ":scheme", ":path", ":authority"])
        told = call.head
        self.assertEqual((told[":scheme"], told[":authority"]), ("http", HOST))
        self.assertEqual(told["x-forwarded-user"], "ci")
        self.assertEqual((told["x-other"], told["cookie"]), ("2", "a=1"))
        self.assertIn("x-tallygate-assertion", told)
        for name in ("authorization", "connection", "x-own", "keep-alive", "proxy-authorization", "te", "host",
                     "transfer-encoding", "upgrade", "http2-settings", "x_forwarded_user"):
            self.assertNotIn(name, names)
        self.assertEqual(len(names), len(set(names)))

    def test_te_is_passed_on_where_it_says_trailers(self):
        self.client().ask("GET", "/hello", [*self.writer(), ("te", "trailers")])
        self.assertEqual(self.h2.call("/hello").head["te"], "trailers")
        self.h2.clear()
        self.ask(self.site, "GET", "/hello", [*self.writer(), ("TE", "gzip, trailers"), ("Connection", "TE")])
        self.assertEqual(self.h2.call("/hello").head["te"], "trailers")
        self.h2.clear()
        self.ask(self.site, "GET", "/hello", [*self.writer(), ("TE", "gzip"), ("Connection", "TE")])
        self.assertNotIn("te", self.h2.call("/hello").head)

    def test_bodies_and_trailers_go_both_ways(self):
        body = os.urandom(700_000)
        client = self.client()
        number = client.start("POST", "/echo", self.writer(), ended=False)
        wait_until(lambda: self.h2.calls, what="the head comes before the body")
        at = 0
        while at < len(body):
            room = min(client.settings.get(4, 65535) + client.windows.get(number, 0) - at,
                       65535 + client.windows.get(0, 0) - at)
            if room <= 0:
                client.more()
                continue
            piece = body[at:at + min(room, 16384)]
            client.data(number, piece)
            at += len(piece)
        client.trailers(number, [("x-from-client", "1")])
        answer = client.answer(number)
        self.assertEqual(answer.get("x-sum"), hashlib.sha256(body).hexdigest())
        self.assertEqual(answer.body, body)
        self.assertEqual(answer.trailers, [("x-trailer", "yes"), ("x-from-client", "1")])
        _, end = self.end_of(answer)
        self.assertEqual(end["bytes"], {"in": len(body), "out": len(body)})

    def test_no_trailer_tells_the_application_who_asks(self):
        forged = [("x-forwarded-user", "root"), ("x-tallygate-assertion", "forged"), ("x-other", "1")]
        for headers in ([("content-length", "0")], [("content-length", "2")], []):
            with self.subTest(headers=headers):
                self.h2.clear()
                client = self.client()
                number = client.start("POST", "/hello", [*self.writer(), *headers], ended=False)
                if headers != [("content-length", "0")]:
                    client.data(number, b"hi")
                client.trailers(number, forged)
                client.answer(number)
                client.barrier()
                for call in self.h2.calls:
                    self.assertEqual(call.trailers, [])

    def test_a_client_of_http_1_gets_bodies_and_trailers_too(self):
        body = os.urandom(300_000)
        with self.connect(self.site) as client:
            answer = client.ask("POST", "/echo", self.writer(), body)
            self.assertEqual(answer.body, body)
            self.assertEqual(answer.trailers, [("x-trailer", "yes")])
            self.assertEqual(client.ask("GET", "/hello", self.writer()).status, 200)

    def test_requests_share_one_connection_side_by_side(self):
        client = self.client()
        self.h2.clear()
        numbers = [client.start("GET", f"/wait/{i}", self.writer()) for i in range(20)]
        calls = [self.h2.call(f"/wait/{i}") for i in range(20)]
        self.assertEqual(len({call.link for call in calls}), 1)
        for call in reversed(calls):
            call.answer(call.path.encode())
        for i, number in enumerate(numbers):
            self.assertEqual(client.answer(number).body, f"/wait/{i}".encode())

    def test_answers_without_a_body_have_none(self):
        self.h2.answers["/none"] = lambda call: call.ended and call.answer(status="204")
        self.h2.answers["/head"] = lambda call: call.ended and call.answer(fields=[("content-length", "77")])
        self.h2.answers["/same"] = lambda call: call.ended and call.answer(status="304", fields=[("etag", '"x"')])
        with self.connect(self.site) as client:
            self.assertEqual(client.ask("GET", "/none", self.writer()).status, 204)
            head = client.ask("HEAD", "/head", self.writer())
            self.assertEqual((head.status, head.get("Content-Length")), (200, "77"))
            self.assertEqual(client.ask("GET", "/same", self.writer()).status, 304)
            self.assertEqual(client.ask("GET", "/hello", self.writer()).status, 200)

    def test_interim_answers_are_not_the_answer(self):
        def early(call):
            if call.ended:
                call.begin("103", [("link", "</a>")])
                call.answer(b"late")
        self.h2.answers["/early"] = early
        answer = self.client().ask("GET", "/early", self.writer())
        self.assertEqual((answer.status, answer.interim, answer.body), (200, [], b"late"))

    def test_what_is_denied_does_not_reach_the_application(self):
        answer = self.client().ask("POST", "/vault/x", self.writer(), b"x")
        self.assertEqual(answer.status, 403)
        self.assertEqual([call for call in self.h2.calls if call.path == "/vault/x"], [])

    def test_a_client_that_gives_up_takes_its_request_back(self):
        client = self.client()
        number = client.start("GET", "/wait/given-up", self.writer())
        call = self.h2.call("/wait/given-up")
        client.reset(number)
        wait_until(lambda: call.reset is not None, what="the stream is reset at the server")
        self.assertEqual(call.reset, CANCEL)
        self.assertEqual(self.newest_end("/wait/given-up")["ended"], "client-closed")
        self.assertEqual(client.ask("GET", "/hello", self.writer()).status, 200)


class Backpressure(UpstreamCase):
    @classmethod
    def make_app(cls):
        return Http2App({"/hello": hello}, auto_give=False)

    def test_a_slow_reader_stops_the_application_and_nobody_else(self):
        client = self.client(window=16384)
        number = client.start("GET", "/much", self.writer())
        call = self.h2.call("/much")
        total = 4 * 1024 * 1024

        def answer_it():
            call.begin()
            pour(call, bytes(total))
            call.end([("x", "1")])

        pouring = threading.Thread(target=answer_it)
        pouring.start()
        answer = client.answers[number]
        # What the gateway takes while its client takes nothing is its own window and its client's.
        wait_until(lambda: call.sent >= STREAM_WINDOW, what="the window is used")
        client.until(lambda: len(answer.body) == 16384)
        client.barrier()
        self.assertEqual(self.client().ask("GET", "/hello", self.writer()).status, 200)
        most = 0
        while not answer.ended:
            most = max(most, call.sent - len(answer.body))
            client.give(0, 16384)
            client.give(number, 16384)
            before = len(answer.body)
            client.until(lambda: answer.ended or len(answer.body) > before)
        pouring.join()
        self.assertEqual(len(answer.body), total)
        self.assertLessEqual(most, 2 * STREAM_WINDOW + 2 * 16384)

    def test_a_slow_application_stops_the_client(self):
        client = self.client()
        number = client.start("POST", "/slow", self.writer(), ended=False)
        call = self.h2.call("/slow")
        sent = 0
        # The application gives nothing beyond the window that each stream has at first.
        client.until(lambda: 4 in client.settings)
        stream_window = client.settings[4]

        def room():
            return min(stream_window + client.windows.get(number, 0), 65535 + client.windows.get(0, 0)) - sent
        while True:
            while room() > 0:
                piece = b"y" * min(room(), 16384)
                client.data(number, piece)
                sent += len(piece)
            wait_until(lambda: len(call.body) == 65535, what="the window of the application is full")
            client.barrier()
            if room() == 0:
                break
        self.assertEqual(len(call.body), 65535)
        self.assertLessEqual(sent, 65535 + 2 * STREAM_WINDOW)
        call.give(1 << 24)
        client.data(number, b"", ended=True)
        wait_until(lambda: call.ended, what="the rest of the body")
        self.assertEqual(len(call.body), sent)
        call.answer(b"done")
        self.assertEqual(client.answer(number).body, b"done")


class Troubles(UpstreamCase):
    timeouts = {"timeout": "2s", "connect_timeout": "2s", "idle_timeout": "2s"}

    def test_a_server_that_goes_away_finishes_and_is_asked_on_a_new_connection(self):
        client = self.client()
        number = client.start("GET", "/wait/last", self.writer())
        call = self.h2.call("/wait/last")
        call.link.goaway(call.number)
        answer = self.client().ask("GET", "/hello", self.writer())
        self.assertEqual(answer.status, 200)
        self.assertIsNot(self.h2.call("/hello").link, call.link)
        call.answer(b"finished")
        self.assertEqual(client.answer(number).body, b"finished")
        wait_until(lambda: call.link.ended, what="the old connection ends")

    def test_a_request_that_the_server_has_not_begun_is_sent_once_more(self):
        for method, body in (("GET", None), ("POST", b"order 1")):
            client = self.client()
            path = f"/wait/{method}"
            number = client.start(method, path, self.writer(), ended=body is None)
            if body is not None:
                client.data(number, body, ended=True)
            first = self.h2.call(path)
            wait_until(lambda call=first: call.ended, what="the whole request")
            first.link.goaway(first.number - 2 if first.number > 1 else 0)
            second = self.h2.call(path, count=2)
            self.assertIsNot(second.link, first.link)
            wait_until(lambda call=second: call.ended, what="the whole request again")
            self.assertEqual(second.body, body or b"")
            second.answer(b"second")
            answer = client.answer(number)
            self.assertEqual(answer.body, b"second")
            self.end_of(answer)

    def test_it_is_not_sent_a_third_time(self):
        client = self.client()
        number = client.start("GET", "/wait/refused", self.writer())
        self.h2.call("/wait/refused").refuse(REFUSED_STREAM)
        self.h2.call("/wait/refused", count=2).refuse(REFUSED_STREAM)
        answer = client.answer(number)
        self.assertEqual(answer.status, 502)
        self.assertEqual(self.end_of(answer)[1]["ended"], "upstream-closed")

    def test_a_connection_that_ends_under_a_request_is_no_answer_to_a_harmless_one(self):
        client = self.client()
        for method, statuses in (("GET", 200), ("POST", 502)):
            self.assertEqual(client.ask("GET", "/hello", self.writer()).status, 200)  # the connection is one of before
            path = f"/wait/ended-{method}"
            number = client.start(method, path, self.writer())
            self.h2.call(path).link.close()
            if method == "GET":
                self.h2.call(path, count=2).answer(b"again")
            self.assertEqual(client.answer(number).status, statuses)

    def test_a_stream_that_the_server_resets_ends_the_clients(self):
        client = self.client()
        number = client.start("POST", "/wait/reset", self.writer())
        self.h2.call("/wait/reset").refuse(2)
        self.assertEqual(client.answer(number).status, 502)
        number = client.start("GET", "/wait/reset-late", self.writer())
        call = self.h2.call("/wait/reset-late")
        call.begin()
        call.data(b"half")
        client.until(lambda: client.answers[number].body == b"half")
        call.refuse(2)
        self.assertIsNotNone(client.answer(number).reset)
        self.assertEqual(self.newest_end("/wait/reset-late")["ended"], "upstream-closed")
        self.assertEqual(client.ask("GET", "/hello", self.writer()).status, 200)

    def test_a_server_that_dies_ends_what_it_had_begun_and_the_next_gets_a_new_connection(self):
        client = self.client()
        number = client.start("GET", "/wait/dying", self.writer())
        call = self.h2.call("/wait/dying")
        call.begin()
        call.data(b"half")
        client.until(lambda: client.answers[number].body == b"half")
        call.link.close()
        self.assertIsNotNone(client.answer(number).reset)
        self.assertFalse(client.answers[number].ended)
        end = self.newest_end("/wait/dying")
        self.assertEqual((end["ended"], end["status"], end["bytes"]["out"]), ("upstream-closed", 200, 4))
        self.assertEqual(client.ask("GET", "/hello", self.writer()).status, 200)

    def test_a_client_of_http_1_sees_that_a_body_was_cut_short(self):
        done = {}

        def dying(call):
            call.begin(fields=[("content-length", "100")])
            call.data(b"half")
            done["call"] = call
        self.h2.answers["/half"] = dying
        client = self.connect(self.site)
        token = self.site.bearer("ci")[1]
        client.send(f"GET /half HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {token}\r\n\r\n".encode())
        wait_until(lambda: done, what="the answer begins")
        done["call"].refuse(2)
        text = client.to_end()
        self.assertTrue(text.endswith(b"\r\n\r\nhalf"), text)

    def test_an_answer_that_does_not_come_is_504_and_cancelled_at_the_server(self):
        answer = self.client().ask("GET", "/wait/never", self.writer())
        self.assertEqual(answer.status, 504)
        self.assertEqual(self.end_of(answer)[1]["ended"], "upstream-timeout")
        wait_until(lambda: self.h2.call("/wait/never").reset == CANCEL, what="the stream is cancelled")

    def test_an_answer_that_stops_is_cut(self):
        client = self.client()
        number = client.start("GET", "/wait/stops", self.writer())
        call = self.h2.call("/wait/stops")
        call.begin()
        call.data(b"half")
        self.assertIsNotNone(client.answer(number).reset)
        self.assertEqual(self.newest_end("/wait/stops")["ended"], "upstream-timeout")
        wait_until(lambda: call.reset == CANCEL, what="the stream is cancelled")

    def test_a_client_that_goes_when_its_body_is_invited_ends_its_request(self):
        client = self.connect(self.site)
        client.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        token = self.site.bearer("ci")[1]
        client.send(f"POST /wait/left HTTP/1.1\r\nHost: {HOST}\r\nAuthorization: {token}\r\nContent-Length: 5\r\n"
                    "Expect: 100-continue\r\n\r\n".encode())
        os.close(client.sock.detach())  # with a reset
        self.assertEqual(self.newest_end("/wait/left")["ended"], "client-closed")
        self.assertEqual(self.client().ask("GET", "/hello", self.writer()).status, 200)

    def test_malformed_answers_are_502_and_others_are_served(self):
        cases = {
            "connection": lambda call: call.answer(fields=[("connection", "close")]),
            "upper": lambda call: call.answer(fields=[("X-Upper", "1")]),
            "newline": lambda call: call.answer(fields=[("x", "a\r\nset-cookie: b=c")]),
            "length": lambda call: call.answer(fields=[("content-length", "5, 5")]),
            "switch": lambda call: call.begin("101"),
            "status": lambda call: call.begin("20", ended=True),
            "large": lambda call: call.begin(fields=[("x", "y" * 15000)] * 6),
        }
        client = self.client()
        for name, answer in cases.items():
            with self.subTest(name):
                self.h2.answers[f"/bad/{name}"] = lambda call, say=answer: call.ended and say(call)
                got = client.ask("GET", f"/bad/{name}", self.writer())
                self.assertEqual(got.status, 502)
                self.assertEqual(self.end_of(got)[1]["ended"], "upstream-malformed")
        self.assertEqual(client.ask("GET", "/hello", self.writer()).status, 200)

    def test_a_body_before_its_head_ends_the_connection(self):
        self.h2.answers["/headless"] = lambda call: call.ended and call.data(b"x", ended=True)
        answer = self.client().ask("POST", "/headless", self.writer())
        self.assertEqual(answer.status, 502)
        self.assertEqual(self.client().ask("GET", "/hello", self.writer()).status, 200)

    def test_a_body_unlike_its_length_is_cut(self):
        def lies(call):
            if call.ended:
                call.begin(fields=[("content-length", "3")])
                call.data(b"four", ended=True)
        self.h2.answers["/lies"] = lies
        client = self.client()
        number = client.start("GET", "/lies", self.writer())
        self.assertIsNotNone(client.answer(number).reset)

    def test_a_flood_of_settings_ends_the_connection_and_not_the_gateway(self):
        def flood(call):
            if call.ended and not call.path.endswith("?done"):
                try:
                    while not call.link.ended:
                        call.link.send(frame(SETTINGS, 0, 0) * 500)
                except OSError:
                    pass
        self.h2.answers["/flood"] = flood
        answer = self.client().ask("POST", "/flood", self.writer())
        self.assertEqual(answer.status, 502)
        self.assertEqual(self.client().ask("GET", "/hello", self.writer()).status, 200)

    def test_a_drain_finishes_what_is_under_way(self):
        site = self.new_site()
        route = site.settings["routes"][0]
        route["upstream"] = {"servers": [f"h2c://127.0.0.1:{self.h2.port}"]}
        del route["websocket"]
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        client = Http2Client(self.pki, site.port)
        self.addCleanup(client.close)
        number = client.start("GET", "/wait/drained", [site.bearer("ci")])
        call = self.h2.call("/wait/drained")
        gateway.process.terminate()
        client.until(lambda: client.goaways)
        call.answer(b"drained")
        self.assertEqual(client.answer(number).body, b"drained")
        gateway.stop()


    def test_a_drain_waits_for_a_connection_that_is_being_opened(self):
        app = Http2App({"/hello": hello}, greet=False)
        self.addCleanup(app.stop)
        site = self.new_site()
        route = site.settings["routes"][0]
        route["upstream"] = {"servers": [f"h2c://127.0.0.1:{app.port}"]}
        del route["websocket"]
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        client = Http2Client(self.pki, site.port)
        self.addCleanup(client.close)
        number = client.start("GET", "/hello", [site.bearer("ci")])
        wait_until(lambda: app.links, what="a connection")
        gateway.process.terminate()
        client.until(lambda: client.goaways)
        app.links[0].send(frame(SETTINGS, 0, 0))
        self.assertEqual(client.answer(number).status, 200)
        gateway.stop()

    def test_a_client_that_stops_in_its_body_is_no_fault_of_the_servers(self):
        site = self.new_site()
        route = site.settings["routes"][0]
        route["upstream"] = {"servers": [f"h2c://127.0.0.1:{self.h2.port}"], "idle_timeout": "1s"}
        del route["websocket"]
        site.settings["limits"]["timeouts"]["body_idle"] = "2s"
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        client = Http2Client(self.pki, site.port)
        self.addCleanup(client.close)
        number = client.start("POST", "/wait/stopped", [site.bearer("ci")], ended=False)
        client.data(number, b"half")
        self.assertEqual(client.answer(number).reset, CANCEL)

        def ended():
            return [e["ended"] for e in journal.entries(site.journal) if e["kind"] == "access.end"]
        wait_until(ended, what="the end is on record")
        self.assertEqual(ended(), ["client-timeout"])
        self.assertEqual(client.ask("GET", "/hello", [site.bearer("ci")]).status, 200)


if __name__ == "__main__":
    unittest.main()
