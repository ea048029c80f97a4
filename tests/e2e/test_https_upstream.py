"""Applications under TLS: who is believed, what they are shown, and that nothing is sent to anybody else."""

import os
import shutil
import signal
import socket
import ssl
import threading
import unittest

from support import journal
from support.case import SiteCase
from support.pki import HOST
from support.site import Gateway
from support.tls_nginx import TlsNginx
from support.upstreams import wait_until
from support.websocket import frame, read_frame
from support.wire import Reader

INSIDE = "inside.internal"
UPGRADE = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
           ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")]


class EndsByClosing:
    """A TLS server whose answers have no length: /whole says goodbye (close_notify), /cut only closes."""

    def __init__(self, pki):
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pki.path("server.pem"), pki.path("server.key"))
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                sock, _ = self._listener.accept()
                tls = self._context.wrap_socket(sock, server_side=True)
            except OSError:
                return
            request = Reader(tls).head()
            tls.sendall(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nall of it")
            if request.target.endswith("/whole"):
                try:
                    tls.unwrap()
                except OSError:
                    pass  # the gateway need not say goodbye
            tls.close()

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


class HttpsUpstream(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.pki.server("inside", "inside", f"DNS:{INSIDE}")
        cls.nginx = TlsNginx(cls.folder / "nginx", cls.pki, "inside", cls.app.port)
        cls.addClassCleanup(cls.nginx.stop)
        cls.closing = EndsByClosing(cls.pki)
        cls.addClassCleanup(cls.closing.stop)
        cls.silent = socket.create_server(("127.0.0.1", 0))
        cls.addClassCleanup(cls.silent.close)
        cls.site = cls.new_site()
        cls.site.settings["threads"] = 1
        cls.shown = cls.show(cls.site, "client")
        cls.site.settings["routes"] = cls.routes()
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

    @classmethod
    def show(cls, site, name):
        """Puts a certificate where the gateway finds what it shows to servers."""
        pair = {"cert": str(site.root / "shown.pem"), "key": str(site.root / "shown.key")}
        shutil.copy(cls.pki.path(f"{name}.pem"), pair["cert"])
        shutil.copy(cls.pki.path(f"{name}.key"), pair["key"])
        return pair

    @classmethod
    def routes(cls):
        ca = cls.pki.path("ca.pem")
        good = {"servers": [f"https://127.0.0.1:{cls.nginx.port}"], "ca": ca, "server_name": INSIDE,
                "client_certificate": cls.shown}
        stranger = {"cert": cls.pki.path("stranger.pem"), "key": cls.pki.path("stranger.key")}
        bare = {key: value for key, value in good.items() if key != "client_certificate"}
        upstreams = {
            "wiki": good,
            "wrong-ca": {**good, "ca": cls.pki.path("stranger-ca.pem")},
            "no-ca": {key: value for key, value in good.items() if key != "ca"},
            "wrong-name": {**good, "server_name": "outside.internal"},
            "wrong-address": {key: value for key, value in good.items() if key != "server_name"},
            "bare": bare,
            "stranger": {**good, "client_certificate": stranger},
            "h2": {**good, "servers": [f"h2://127.0.0.1:{cls.nginx.h2_port}"]},
            "h2-bare": {**bare, "servers": [f"h2://127.0.0.1:{cls.nginx.h2_port}"]},
            **{version: {**good, "servers": [f"https://127.0.0.1:{cls.nginx.proxied_port}"], "proxy_protocol": version}
               for version in ("v1", "v2")},
            "plain": {"servers": [f"https://127.0.0.1:{cls.nginx.plain_port}"], "ca": ca},
            "silent": {"servers": [f"https://127.0.0.1:{cls.silent.getsockname()[1]}"], "connect_timeout": "1s"},
            "closing": {"servers": [f"https://localhost:{cls.closing.port}"], "ca": ca},
            "elsewhere": {"servers": [f"http://localhost:{cls.app.port}"], "networks": ["10.0.0.0/8"]},
        }
        return [{"name": name, "match": {"host": HOST, "path": "/**" if name == "wiki" else f"/{name}/**"},
                 "upstream": upstream, **({"websocket": True} if name == "wiki" else {})}
                for name, upstream in upstreams.items()]

    def setUp(self):
        self.app.clear()

    def get(self, path):
        return self.ask(self.site, "GET", path, [self.site.bearer("ci")])

    def told(self):
        """The header fields of the one request that the application got."""
        request, = self.app.requests
        return {name.lower(): value for name, value in request.headers}

    def connections_of(self, prefix, count):
        """The connections that brought nginx the requests for targets that begin so, once it has noted all of them."""
        def found():
            return [connection for connection, target, _ in self.nginx.requests() if target.startswith(prefix)]
        wait_until(lambda: len(found()) == count, what=f"{count} requests for {prefix}")
        return set(found())

    def reload(self, said):
        size = self.gateway.log_size()
        self.gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: said in self.gateway.log_since(size), what=said)

    def assert_refused(self, route, code, reason):
        """The client gets 502, the application nothing, the record the code, and the log the reason."""
        size, accepted = self.gateway.log_size(), self.app.accepted
        answer = self.get(f"/{route}/headers")
        self.assertEqual(answer.status, 502)
        self.assertEqual((self.app.requests, self.app.accepted), ([], accepted))
        self.assertEqual(self.end_of(answer)["ended"], code)
        wait_until(lambda: reason in self.gateway.log_since(size), what=reason)

    def end_of(self, answer):
        entry = self.decision(self.site, answer)

        def ends():
            return [one for one in journal.entries(self.site.journal)
                    if one["kind"] == "access.end" and one["of"] == entry["seq"]]
        wait_until(ends, what="the end is on record")
        return ends()[0]

    def test_a_server_that_proves_its_name_is_asked_and_shown_who_asks(self):
        answer = self.get("/headers")
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.end_of(answer)["ended"], "complete")
        told = self.told()
        self.assertEqual((told["x-asked-name"], told["x-client-name"]), (INSIDE, "CN=test client"))
        self.assertEqual(told["x-forwarded-user"], "ci")

    def test_bodies_go_both_ways(self):
        body = os.urandom(1_000_000)
        answer = self.ask(self.site, "POST", "/echo", [self.site.bearer("ci")], body)
        self.assertEqual(answer.body, body)

    def test_one_connection_carries_one_request_after_the_other(self):
        for i in range(4):
            self.assertEqual(self.get(f"/headers?kept={i}").status, 200)
        self.assertEqual(len(self.connections_of("/headers?kept=", 4)), 1)

    def test_routes_that_trust_others_share_no_connection(self):
        self.assertEqual(self.get("/headers").status, 200)
        self.assertEqual(self.get("/wrong-ca/headers").status, 502)
        self.assertEqual(self.get("/headers").status, 200)
        self.assertEqual(self.get("/wrong-name/headers").status, 502)

    def test_a_server_of_another_authority_gets_nothing(self):
        self.assert_refused("wrong-ca", "upstream-tls", "its certificate is not believed: ")
        self.assert_refused("no-ca", "upstream-tls", "its certificate is not believed: ")

    def test_a_server_of_another_name_gets_nothing(self):
        self.assert_refused("wrong-name", "upstream-tls", "it is for other names than 'outside.internal'")
        self.assert_refused("wrong-address", "upstream-tls", "it is for other names than '127.0.0.1'")

    def test_a_server_without_tls_gets_no_request(self):
        answer = self.get("/plain/headers")
        self.assertEqual(answer.status, 502)
        self.assertEqual(self.end_of(answer)["ended"], "upstream-tls")
        self.assertEqual(self.app.requests, [])

    def test_a_server_that_does_not_finish_its_handshake_is_504(self):
        answer = self.get("/silent/headers")
        self.assertEqual(answer.status, 504)
        self.assertEqual(self.end_of(answer)["ended"], "connect-timeout")

    def test_who_shows_nothing_or_a_certificate_of_strangers_is_turned_away(self):
        for route in ("bare", "stranger", "h2-bare"):
            with self.subTest(route):
                self.assertIn(self.get(f"/{route}/headers").status, (400, 502))
                self.assertEqual(self.app.requests, [])

    def test_a_server_of_http_2_is_shown_the_certificate_too(self):
        self.assertEqual(self.get("/h2/headers").status, 200)
        told = self.told()
        self.assertEqual((told["x-asked-name"], told["x-client-name"]), (INSIDE, "CN=test client"))

    def test_websockets_go_through_it(self):
        client = self.connect(self.site)
        client.send(client.request_bytes("GET", "/ws", [self.site.bearer("ci"), *UPGRADE]))
        self.assertEqual(client.response().status, 101)
        for i in range(3):
            payload = os.urandom(50_000)
            client.send(frame(2, payload, os.urandom(4)))
            self.assertEqual(read_frame(client), (2, payload))

    def test_an_answer_that_only_its_end_delimits_is_whole_if_the_server_says_so(self):
        answer = self.get("/closing/whole")
        self.assertEqual((answer.status, answer.body), (200, b"all of it"))
        self.assertEqual(self.end_of(answer)["ended"], "complete")
        client = self.connect(self.site)
        client.send(client.request_bytes("GET", "/closing/cut", [self.site.bearer("ci")]))
        text = client.to_end()
        self.assertIn(b"200", text)
        self.assertNotIn(b"\r\n0\r\n", text)

    def test_a_name_that_leads_out_of_its_networks_gets_nothing(self):
        self.assert_refused("elsewhere", "upstream-address", "its name leads to 127.0.0.1, which is not in its 'networks'")

    def test_a_server_is_told_whose_each_connection_is(self):
        for version in ("v1", "v2"):
            for i in range(2):
                self.app.clear()
                client = self.connect(self.site)
                mine = client.sock.getsockname()[1]
                self.assertEqual(client.ask("GET", f"/{version}/headers?{i}", [self.site.bearer("ci")]).status, 200)
                self.assertEqual(self.told()["x-proxied"], f"127.0.0.1 {mine} {self.site.port}")
            self.assertEqual(len(self.connections_of(f"/{version}/", 2)), 2)

    def test_a_reload_shows_the_new_certificate_on_new_connections(self):
        self.assertEqual(self.get("/headers").status, 200)
        self.show(self.site, "server")  # a key that belongs to another certificate comes to nothing
        shutil.copy(self.pki.path("client.key"), self.site.root / "shown.key")
        self.reload("belong to")
        self.assertEqual(self.get("/headers").status, 200)
        self.pki.client("another")
        self.show(self.site, "another")
        self.reload('"reloaded"')
        self.app.clear()
        self.assertEqual(self.get("/headers").status, 200)
        self.assertEqual(self.told()["x-client-name"], "CN=test another")
        self.show(self.site, "client")
        self.reload('"reloaded"')


if __name__ == "__main__":
    unittest.main()
