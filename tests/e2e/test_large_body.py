"""Bodies far larger than the memory they may take. TALLYGATE_E2E_BODY_GIB sets the size; 1 where it is not set."""

import hashlib
import os
import subprocess
import unittest

from support.case import ServedCase, parse_json
from support.pki import HOST
from support.upstreams import Nginx

SIZE = int(float(os.environ.get("TALLYGATE_E2E_BODY_GIB", "1")) * 1024**3)
RSS_MAX_KIB = 64 * 1024
BLOCK = bytes(range(256)) * 4096


class LargeBody(ServedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.nginx = Nginx(cls.folder / "nginx")
        cls.addClassCleanup(cls.nginx.stop)
        cls.site.settings["routes"].append({
            "name": "files", "match": {"host": "files.example.com", "path": "/**"},
            "upstream": {"servers": [f"http://127.0.0.1:{cls.nginx.port}"]}})
        cls.site.policy["resources"]["pages"]["hosts"].append("files.example.com")
        cls.site.write()
        cls.gateway.reload()

    def check_memory(self):
        peak = self.gateway.peak_rss_kib()
        print(f"peak resident memory {peak} KiB for bodies of {SIZE} bytes", flush=True)
        self.assertLess(peak, RSS_MAX_KIB)

    def blocks(self):
        left = SIZE
        while left:
            block = BLOCK[:min(left, len(BLOCK))]
            left -= len(block)
            yield block

    def expected(self):
        digest = hashlib.sha256()
        for block in self.blocks():
            digest.update(block)
        return {"bytes": SIZE, "sha256": digest.hexdigest()}

    def test_an_upload_of_fixed_length_streams_through(self):
        client = self.connect(self.site, timeout=120)
        client.send(client.request_bytes("POST", "/sha256", [self.site.bearer("ci"), ("Content-Length", SIZE)]))
        for block in self.blocks():
            client.send(block)
        self.assertEqual(parse_json(client.response().body), self.expected())
        self.check_memory()

    def test_an_upload_in_chunks_streams_through(self):
        client = self.connect(self.site, timeout=120)
        client.send(client.request_bytes("POST", "/sha256",
                                         [self.site.bearer("ci"), ("Transfer-Encoding", "chunked")]))
        for block in self.blocks():
            client.send(b"%x\r\n%s\r\n" % (len(block), block))
        client.send(b"0\r\n\r\n")
        self.assertEqual(parse_json(client.response().body), self.expected())
        self.check_memory()

    def test_a_download_streams_through_to_curl(self):
        (self.nginx.files / "large").touch()
        os.truncate(self.nginx.files / "large", SIZE)
        host = "files.example.com"
        command = ["curl", "-sS", "--http1.1", "--cacert", self.pki.path("ca.pem"), "--resolve",
                   f"{host}:{self.site.port}:127.0.0.1", "-H", ": ".join(self.site.bearer()), "-o", "/dev/null", "-w",
                   "%{http_code} %{size_download}", f"https://{host}:{self.site.port}/files/large"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=3000, check=False)
        self.assertEqual(done.stdout, f"200 {SIZE}", done.stderr)
        self.check_memory()

    def test_a_slow_reader_does_not_make_the_gateway_hoard(self):
        client = self.connect(self.site)
        client.send(client.request_bytes("GET", f"/bytes/{SIZE}", [self.site.bearer()]))
        message = client.head()
        self.assertEqual((message.status, HOST), (200, client.host))
        # Nothing is read now; the application goes on writing as long as anybody takes it.
        for _ in range(200):
            other = self.ask(self.site, "GET", "/public/x")
            self.assertEqual(other.status, 200)
        self.check_memory()


if __name__ == "__main__":
    unittest.main()
