"""HTTP/2 to applications: how many requests a server allows, servers that are not what the settings say, and real ones."""

import os
import shutil
import subprocess
import threading
import unittest

from support import journal
from support.case import SiteCase
from support.h2 import Http2Client
from support.http2_app import MAX_CONCURRENT_STREAMS, Http2App, Link, server_context
from support.pki import HOST
from support.site import Gateway, tallygate
from support.upstream_case import UpstreamCase, hello
from support.upstreams import accepts, free_port, wait_until

CONNECTIONS_MAX = 128


class FewStreams(UpstreamCase):
    @classmethod
    def make_app(cls):
        return Http2App({"/hello": hello}, settings={MAX_CONCURRENT_STREAMS: 2})

    def test_no_more_streams_are_opened_than_the_server_allows(self):
        client = self.client()
        numbers = [client.start("GET", f"/wait/{i}", self.writer()) for i in range(5)]
        calls = [self.h2.call(f"/wait/{i}") for i in range(5)]
        by_link = {}
        for call in calls:
            by_link[call.link] = by_link.get(call.link, 0) + 1
        self.assertLessEqual(max(by_link.values()), 2)
        for call in calls:
            call.answer(b"x")
        self.assertEqual([client.answer(number).status for number in numbers], [200] * 5)


class NoStreams(UpstreamCase):
    @classmethod
    def make_app(cls):
        return Http2App({"/hello": hello}, settings={MAX_CONCURRENT_STREAMS: 0})

    def test_connections_that_allow_no_request_are_not_kept(self):
        client = self.client()
        for _ in range(5):
            numbers = [client.start("GET", "/hello", self.writer()) for _ in range(20)]
            for number in numbers:
                self.assertEqual(client.answer(number).status, 503)
        wait_until(lambda: all(link.ended for link in self.h2.links), what="the end of every connection")


class OneStream(UpstreamCase):
    @classmethod
    def make_app(cls):
        return Http2App({"/hello": hello}, settings={MAX_CONCURRENT_STREAMS: 1})

    def test_a_thread_has_so_many_connections_to_one_server_and_no_more(self):
        clients = [self.client() for _ in range(2)]
        asked = [(client, client.start("GET", "/wait", self.writer())) for client in clients for _ in range(90)]
        wait_until(lambda: len(self.h2.calls) == CONNECTIONS_MAX, what="as many requests as there are connections")
        self.assertEqual(self.client().ask("GET", "/hello", self.writer()).status, 503)
        self.assertEqual(len(self.h2.links), CONNECTIONS_MAX)
        for call in self.h2.calls:
            call.answer(b"x")
        statuses = [client.answer(number).status for client, number in asked]
        self.assertEqual((statuses.count(200), statuses.count(503)), (CONNECTIONS_MAX, 180 - CONNECTIONS_MAX))
        self.assertEqual(self.client().ask("GET", "/hello", self.writer()).status, 200)


class SlowToGreet(UpstreamCase):
    """Each connection takes one request, and more than half of the time for connecting to be opened."""

    timeouts = {"connect_timeout": "4s", "timeout": "60s"}

    @classmethod
    def make_app(cls):
        class Slow(Link):
            def serve(self):
                threading.Event().wait(2.5)
                super().serve()
        return Http2App({"/hello": hello}, settings={MAX_CONCURRENT_STREAMS: 1}, link=Slow)

    def test_nobody_waits_longer_for_a_connection_than_one_may_take(self):
        client = self.client()
        numbers = [client.start("GET", f"/wait/{i}", self.writer()) for i in range(6)]
        wait_until(lambda: self.h2.calls, what="a first connection")
        call, = self.h2.calls
        for number in (number for i, number in enumerate(numbers) if f"/wait/{i}" != call.path):
            self.assertEqual(client.answer(number).status, 504)
            self.assertEqual(self.end_of(client.answers[number])[1]["ended"], "connect-timeout")
        call.answer(b"x")
        statuses = [client.answer(number).status for number in numbers]
        self.assertEqual((statuses.count(200), statuses.count(504)), (1, 5))
        # The second one comes too late for all of them, and is there for whoever asks next.
        wait_until(lambda: len(self.h2.links) == 2, what="a second connection")
        self.assertEqual(client.ask("GET", "/hello", self.writer()).status, 200)
        self.assertEqual(len(self.h2.links), 2)


class SlowInEachStep(UpstreamCase):
    """TLS takes more than half of the time for connecting, and so does the greeting."""

    timeouts = {"connect_timeout": "4s", "timeout": "60s"}

    @classmethod
    def make_app(cls):
        class Slow(Link):
            def serve(self):
                threading.Event().wait(2.5)
                super().serve()

        class SlowTls:
            def __init__(self, context):
                self.context = context

            def wrap_socket(self, sock, **options):
                threading.Event().wait(2.5)
                return self.context.wrap_socket(sock, **options)
        return Http2App({"/hello": hello}, context=SlowTls(server_context(cls.pki)), link=Slow)

    @classmethod
    def server(cls):
        return {"servers": [f"h2://localhost:{cls.h2.port}"], "ca": cls.pki.path("ca.pem")}

    def test_all_steps_of_connecting_share_its_time(self):
        answer = self.client().ask("GET", "/hello", self.writer())
        self.assertEqual(answer.status, 504)
        self.assertEqual(self.end_of(answer)[1]["ended"], "connect-timeout")


class ResetsAll(UpstreamCase):
    """A server that resets what comes on its first connection, and is well on others."""

    @classmethod
    def make_app(cls):
        def poisoned(call):
            if call.ended and call.link is cls.h2.links[0]:
                call.refuse(2)
            elif call.ended:
                hello(call)
        return Http2App({"/poisoned": poisoned, "/hello": hello})

    def test_a_connection_on_which_all_is_reset_is_not_used_for_ever(self):
        client = self.client()
        # What is no GET is not sent again by itself.
        statuses = [client.ask("POST", "/poisoned", self.writer()).status for _ in range(20)]
        self.assertEqual(statuses, [502] * 16 + [200] * 4)
        wait_until(lambda: self.h2.links[0].ended, what="the first connection ends")
        self.assertEqual(len(self.h2.links), 2)


class Reloads(SiteCase):
    """What becomes of connections whose settings a reload replaced."""

    def gateway_before(self, servers, **upstream):
        site = self.new_site()
        site.settings["threads"] = 1
        route = site.settings["routes"][0]
        route["upstream"] = {"servers": servers, **upstream}
        del route["websocket"]
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        return site, gateway

    def reload(self, gateway):
        size = gateway.log_size()
        gateway.reload()
        wait_until(lambda: "reloaded" in gateway.log_since(size), what="the reload")

    def http2_app(self, **options):
        app = Http2App({"/hello": hello}, **options)
        self.addCleanup(app.stop)
        return app

    def test_a_connection_under_the_trust_of_before_ends_once_it_is_idle(self):
        app = self.http2_app(context=server_context(self.pki))
        site, gateway = self.gateway_before([f"h2://localhost:{app.port}"], ca=self.pki.path("ca.pem"))
        client = Http2Client(self.pki, site.port)
        self.addCleanup(client.close)
        number = client.start("GET", "/wait", [site.bearer("ci")])
        call = app.call("/wait")
        self.reload(gateway)
        self.assertEqual(client.ask("GET", "/hello", [site.bearer("ci")]).status, 200)
        self.assertEqual(len(app.links), 2, "what is asked now goes by the trust of now")
        self.assertFalse(call.link.ended, "what is under way goes on")
        call.answer(b"x")
        self.assertEqual(client.answer(number).status, 200)
        wait_until(lambda: call.link.ended, what="the end of the connection of before")
        for _ in range(3):
            newest = app.links[-1]
            self.reload(gateway)
            wait_until(lambda link=newest: link.ended, what="the end of an idle connection")
            self.assertEqual(client.ask("GET", "/hello", [site.bearer("ci")]).status, 200)

    def test_a_server_in_the_clear_keeps_its_connection_as_long_as_it_is_named(self):
        app, other = self.http2_app(), self.http2_app()
        site, gateway = self.gateway_before([f"h2c://127.0.0.1:{app.port}"])
        self.assertEqual(self.ask(site, "GET", "/hello", [site.bearer("ci")]).status, 200)
        self.reload(gateway)
        self.assertEqual(self.ask(site, "GET", "/hello", [site.bearer("ci")]).status, 200)
        self.assertEqual(len(app.links), 1)
        site.settings["routes"][0]["upstream"]["servers"] = [f"h2c://127.0.0.1:{other.port}"]
        site.write()
        self.reload(gateway)
        wait_until(lambda: app.links[0].ended, what="the end of a connection to a server that is not named any more")
        self.assertEqual(self.ask(site, "GET", "/hello", [site.bearer("ci")]).status, 200)
        self.assertEqual(len(other.links), 1)


class Strangers(SiteCase):
    """Servers that are not what the settings say."""

    def answer_of(self, upstream, path="/hello"):
        site = self.new_site()
        route = site.settings["routes"][0]
        route["upstream"] = {"connect_timeout": "2s", **upstream}
        del route["websocket"]
        site.write()
        with Gateway(site) as gateway:
            answer = self.ask(site, "GET", path, [site.bearer("ci")])
            ended = []

            def end():
                ended[:] = [e["ended"] for e in journal.entries(site.journal) if e["kind"] == "access.end"]
                return ended
            wait_until(end, what="the end is on record")
            if answer.status != 200:
                wait_until(lambda: "an upstream cannot be used" in gateway.log_tail(), what="the log says so")
            return answer.status, ended[0], gateway.log_tail()

    def app_with(self, **options):
        app = Http2App({"/hello": hello}, **options)
        self.addCleanup(app.stop)
        return app.port

    def test_tls_is_believed_where_the_certificate_is(self):
        port = self.app_with(context=server_context(self.pki))
        upstream = {"servers": [f"h2://localhost:{port}"], "ca": self.pki.path("ca.pem")}
        self.assertEqual(self.answer_of(upstream)[0], 200)

    def test_a_certificate_of_a_stranger_is_not_believed(self):
        port = self.app_with(context=server_context(self.pki))
        for upstream in ({"servers": [f"h2://localhost:{port}"], "ca": self.pki.path("stranger-ca.pem")},
                         {"servers": [f"h2://localhost:{port}"]},
                         {"servers": [f"h2://127.0.0.2:{port}"], "ca": self.pki.path("ca.pem")}):
            if "127.0.0.2" in upstream["servers"][0]:
                other = self.app_with(context=server_context(self.pki, name="client"))
                upstream["servers"] = [f"h2://localhost:{other}"]
            status, ended, log = self.answer_of(upstream)
            self.assertEqual((status, ended), (502, "upstream-tls"))
            self.assertIn("its certificate is not believed", log)

    def test_a_name_counts_only_where_certificates_have_them(self):
        for name, subject, alternatives, status in (
                ("none", "localhost", None, 502), ("address", "localhost", "IP:127.0.0.1", 502),
                ("other", "localhost", "DNS:other.example.com", 502), ("partial", "test", "DNS:loc*", 502),
                ("uri", "localhost", "URI:https://localhost", 502), ("mail", "test", "email:a@localhost", 502),
                ("right", "test", "DNS:other.example.com,DNS:localhost", 200)):
            with self.subTest(name):
                self.pki.server(name, subject, alternatives)
                port = self.app_with(context=server_context(self.pki, name=name))
                got, ended, log = self.answer_of({"servers": [f"h2://localhost:{port}"], "ca": self.pki.path("ca.pem")})
                self.assertEqual((got, ended), (status, "complete" if status == 200 else "upstream-tls"))
                if status != 200:
                    self.assertIn("its certificate is not believed", log)

    def test_an_address_counts_only_as_an_address(self):
        for name, subject, alternatives, status in (("cn", "127.0.0.1", None, 502), ("dns", "test", "DNS:127.0.0.1", 502),
                                                    ("ip", "test", "IP:127.0.0.1", 200)):
            with self.subTest(name):
                self.pki.server(name, subject, alternatives)
                port = self.app_with(context=server_context(self.pki, name=name))
                upstream = {"servers": [f"h2://127.0.0.1:{port}"], "ca": self.pki.path("ca.pem")}
                self.assertEqual(self.answer_of(upstream)[0], status)

    def test_a_server_that_does_not_agree_to_http_2_is_named_in_the_log(self):
        ports = [self.app_with(context=server_context(self.pki, ())), free_port()]
        # One that chooses nothing, and one that refuses what it does not speak.
        refusing = subprocess.Popen(
            ["openssl", "s_server", "-accept", f"127.0.0.1:{ports[1]}", "-cert", self.pki.path("server.pem"), "-key",
             self.pki.path("server.key"), "-alpn", "http/1.1", "-quiet"], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(refusing.wait)
        self.addCleanup(refusing.kill)
        wait_until(lambda: accepts(ports[1]), what="openssl s_server")
        for port in ports:
            status, ended, log = self.answer_of({"servers": [f"h2://localhost:{port}"], "ca": self.pki.path("ca.pem")})
            self.assertEqual((status, ended), (502, "upstream-protocol"))
            self.assertIn("does not agree to HTTP/2 (ALPN h2)", log)

    def test_a_server_of_http_1_is_named_in_the_log(self):
        status, ended, log = self.answer_of({"servers": [f"h2c://127.0.0.1:{self.app.port}"]})
        self.assertEqual((status, ended), (502, "upstream-protocol"))
        self.assertIn("does not greet as HTTP/2 does", log)

    def test_a_server_that_says_nothing_is_504(self):
        status, ended, log = self.answer_of({"servers": [f"h2c://127.0.0.1:{self.app_with(greet=False)}"]})
        self.assertEqual((status, ended), (504, "connect-timeout"))
        self.assertIn("no HTTP/2 greeting", log)

    def test_a_server_that_allows_no_stream_is_503(self):
        port = self.app_with(settings={MAX_CONCURRENT_STREAMS: 0})
        status, ended, _ = self.answer_of({"servers": [f"h2c://127.0.0.1:{port}"]})
        self.assertEqual((status, ended), (503, "upstream-busy"))

    def test_websockets_are_for_http_1_and_the_settings_say_so(self):
        site = self.new_site()
        site.settings["routes"][0]["upstream"] = {"servers": ["h2c://127.0.0.1:1"]}
        site.write()
        done = tallygate("serve", "-c", site.config)
        self.assertEqual(done.returncode, 2)
        self.assertIn("WebSockets are passed on over http:// and https:// only", done.stderr)


class RealServer(SiteCase):
    """nghttpd behind, and curl, nghttp and h2load before."""

    def start(self, tls):
        folder = self.folder / f"nghttpd-{tls}"
        folder.mkdir()
        (folder / "page.txt").write_text("a page\n")
        (folder / "large.bin").write_bytes(os.urandom(3_000_000))
        port = free_port()
        options = ["-d", str(folder), "-a", "127.0.0.1", "--echo-upload"]
        files = [self.pki.path("server.key"), self.pki.path("server.pem")]
        nghttpd = shutil.which("nghttpd", path=os.environ["PATH"] + ":/usr/sbin")
        command = [nghttpd, *options, str(port), *files] if tls else [nghttpd, *options, "--no-tls", str(port)]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: accepts(port), what="nghttpd")
        site = self.new_site()
        route = site.settings["routes"][0]
        route["upstream"] = ({"servers": [f"h2://127.0.0.1:{port}"], "ca": self.pki.path("ca.pem")} if tls
                             else {"servers": [f"h2c://127.0.0.1:{port}"]})
        del route["websocket"]
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        return folder, site, gateway

    def run_client(self, *command):
        done = subprocess.run([str(part) for part in command], capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace")[-2000:])
        return done.stdout

    def check(self, tls):
        folder, site, gateway = self.start(tls)
        auth = "Authorization: " + site.bearer("ci")[1]
        curl = ["curl", "-sS", "--noproxy", "*", "--cacert", self.pki.path("ca.pem"), "--resolve",
                f"{HOST}:{site.port}:127.0.0.1", "-H", auth]
        url = f"https://{HOST}:{site.port}"
        for version in ("--http1.1", "--http2"):
            self.assertEqual(self.run_client(*curl, version, f"{url}/page.txt"), b"a page\n")
            self.assertEqual(self.run_client(*curl, version, f"{url}/large.bin"), (folder / "large.bin").read_bytes())
            sent = (folder / "large.bin").read_bytes()[:1_000_000]
            (folder / "upload").write_bytes(sent)
            got = self.run_client(*curl, version, "--data-binary", f"@{folder / 'upload'}", f"{url}/echo")
            self.assertEqual(got, sent)
        local = f"https://127.0.0.1:{site.port}"
        names = ["-H", f":authority: {HOST}", "-H", auth.replace("Authorization", "authorization")]
        self.assertEqual(self.run_client("nghttp", *names, f"{local}/page.txt"), b"a page\n")
        load = self.run_client("h2load", "-n", 400, "-c", 4, "-m", 20, *names, f"{local}/page.txt").decode()
        self.assertIn("400 succeeded, 0 failed", load)
        gateway.stop()
        entries = journal.entries(site.journal)
        decisions = [e for e in entries if e["kind"].startswith("access.") and e["kind"] != "access.end"]
        self.assertEqual(len(decisions), 6 + 1 + 400)
        self.assertEqual(len([e for e in entries if e["kind"] == "access.end"]), len(decisions))
        self.assert_sound(site)

    def test_in_the_clear(self):
        self.check(tls=False)

    def test_under_tls(self):
        self.check(tls=True)


if __name__ == "__main__":
    unittest.main()
