"""The base of the test cases: one temporary folder and one set of keys a file, removed afterwards."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from . import journal
from .pki import HOST, Pki
from .site import Gateway, Site
from .upstreams import REST_S, App, wait_until
from .wire import Client, client_context


class SiteCase(unittest.TestCase):
    """Gives each test class a folder, keys and an App; sites and gateways are made as tests need them."""

    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.folder = Path(tempfile.mkdtemp(prefix="tallygate-e2e-"))
        cls.addClassCleanup(shutil.rmtree, cls.folder, ignore_errors=True)
        cls.pki = Pki(cls.folder / "pki")
        cls.app = App()
        cls.addClassCleanup(cls.app.stop)
        cls._sites = 0

    @classmethod
    def new_site(cls, upstream_port=None):
        cls._sites += 1
        return Site(cls.folder / f"site{cls._sites}", cls.pki, upstream_port or cls.app.port)

    def connect(self, site, certificate=None, version=None, timeout=30):
        client = Client(self.pki, site.port, context=client_context(self.pki, version, certificate), timeout=timeout)
        self.addCleanup(client.close)
        return client

    def ask(self, site, method, target, headers=(), body=None, certificate=None):
        """One request over a connection of its own."""
        with Client(self.pki, site.port, context=client_context(self.pki, certificate=certificate)) as client:
            answer = client.ask(method, target, headers, body)
        self.assertIsNotNone(answer, f"{method} {target}: the connection closed without an answer")
        return answer

    def decision(self, site, answer, entries=None):
        """The one decision in the record that belongs to an answer."""
        found = [entry for entry in (entries if entries is not None else journal.entries(site.journal))
                 if entry["kind"] in ("access.allow", "access.deny")
                 and entry["id"] == answer.request_id]
        self.assertEqual(len(found), 1, f"decisions for request {answer.request_id}: {found}")
        return found[0]

    def assert_sound(self, site):
        """The chain holds by hand and by the verifier, and both saw as many entries."""
        count = journal.check_chain(site.journal)
        report = journal.verify(site)
        self.assertEqual(report["entries"], count)
        return report


class ServedCase(SiteCase):
    """One site and one gateway for all tests of a class; when all are done the record is checked."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.site = cls.new_site(cls.upstream_port())
        cls.adjust(cls.site)
        cls.site.write()
        cls.gateway = Gateway(cls.site)
        cls.addClassCleanup(cls._finish)

    @classmethod
    def upstream_port(cls):
        return cls.app.port

    @classmethod
    def adjust(cls, site):
        """Changes the settings before the gateway starts."""

    @classmethod
    def _finish(cls):
        try:
            cls.gateway.stop()
            count = journal.check_chain(cls.site.journal)
            report = journal.verify(cls.site)
            assert report["entries"] == count, report
        finally:
            cls.gateway.kill()

    def setUp(self):
        self.settle()
        self.app.clear()

    def settle(self):
        """Returns once nothing is on its way of what clients sent that are closed; none may be open.

        The gateway counts a connection until the last of its requests is over, and the application is asked after that.
        """
        wait_until(lambda: not self.gateway.has_clients(), REST_S, "the gateway has no clients")
        self.app.rest()

    def curl(self, path, *options, host=HOST):
        """curl as a person would use it: (status, headers as text, body)."""
        headers = self.folder / "curl.headers"
        done = subprocess.run(
            ["curl", "-sS", "--http1.1", "--cacert", self.pki.path("ca.pem"), "--resolve",
             f"{host}:{self.site.port}:127.0.0.1", "-D", str(headers), "-o", "-", *options,
             f"https://{host}:{self.site.port}{path}"], capture_output=True, timeout=60, check=False,
            env={name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")})
        self.assertEqual(done.returncode, 0, done.stderr.decode(errors="replace"))
        text = headers.read_bytes().decode("latin-1")  # line ends as they came
        blocks = [block for block in text.split("\r\n\r\n") if block.strip()]
        return int(blocks[-1].split(" ")[1]), blocks[-1], done.stdout.decode(errors="replace")

    def seen(self, what="a request at the application"):
        """The one request that reached the application."""
        wait_until(lambda: self.app.requests, 10, what)
        self.assertEqual(len(self.app.requests), 1, [m.first_line for m in self.app.requests])
        return self.app.requests[0]

    def told(self, request):
        """A request's headers as {lower-case name: [values]}."""
        headers = {}
        for name, value in request.headers:
            headers.setdefault(name.lower(), []).append(value)
        return headers


def parse_json(text):
    """JSON, or a failure that shows what it was instead."""
    try:
        return json.loads(text)
    except ValueError:
        raise AssertionError(f"not JSON: {text[:300]!r}") from None
