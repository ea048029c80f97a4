"""The base of the tests of HTTP/2 to applications, and what those applications answer."""

import hashlib
import threading

from . import journal
from .case import SiteCase
from .h2 import Http2Client
from .http2_app import Http2App
from .site import Gateway
from .upstreams import wait_until


def hello(call):
    if call.ended:
        call.answer(f"h2: {call.head[':method']} {call.path}\n".encode(), fields=[("content-type", "text/plain")])


def pour(call, body):
    """Sends a body as fast as there is room for it; on a thread of its own, since another one reads the room."""
    for at in range(0, len(body), 16384):
        wait_until(lambda: call.room() >= 16384 or call.link.ended, what="room for the body")
        call.data(body[at:at + 16384])


def echo(call):
    def answer():
        call.begin(fields=[("x-sum", hashlib.sha256(call.body).hexdigest())])
        pour(call, call.body)
        call.end([("x-trailer", "yes"), *call.trailers])
    if call.ended:
        threading.Thread(target=answer).start()


class UpstreamCase(SiteCase):
    """One gateway before one application that speaks HTTP/2 by hand."""

    timeouts = {}

    @classmethod
    def make_app(cls):
        return Http2App({"/hello": hello, "/echo": echo})

    @classmethod
    def server(cls):
        return {"servers": [f"h2c://127.0.0.1:{cls.h2.port}"]}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.h2 = cls.make_app()
        cls.addClassCleanup(cls.h2.stop)
        cls.site = cls.new_site()
        cls.site.settings["threads"] = 1
        route = cls.site.settings["routes"][0]
        route["upstream"] = {**cls.server(), **cls.timeouts}
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
        self.h2.clear()

    def client(self, **options):
        client = Http2Client(self.pki, self.site.port, **options)
        self.addCleanup(client.close)
        return client

    def writer(self):
        return [self.site.bearer("ci")]

    def end_of(self, answer):
        """The one decision of an answer and its one end."""
        entry = self.decision(self.site, answer)

        def ends():
            return [one for one in journal.entries(self.site.journal) if one["kind"] == "access.end"
                    and one["of"] == entry["seq"]]

        wait_until(ends, what="the end is on record")
        self.assertEqual(len(ends()), 1)
        return entry, ends()[0]

    def newest_end(self, path):
        """The end of the newest request for a path, for those whose answer has no head."""
        def found():
            entries = journal.entries(self.site.journal)
            seqs = [e["seq"] for e in entries if e["kind"] == "access.allow" and e["request"].get("path") == path]
            return [e for e in entries if e["kind"] == "access.end" and seqs and e["of"] == seqs[-1]]
        wait_until(found, what=f"the end of {path}")
        self.assertEqual(len(found()), 1)
        return found()[0]
