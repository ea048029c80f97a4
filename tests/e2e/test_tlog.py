"""`/tlog/` of the admin listener: a client that knows C2SP tlog-tiles rebuilds the tree of a running gateway."""

import base64
import http.client
import threading
import unittest

from support import journal
from support.case import SiteCase
from support.reference import leaf_hash, node_hash, tree_root
from support.site import Gateway, tallygate
from support.upstreams import wait_until

WIDTH = 256


def tile_path(kind, number, width):
    """`tile/<kind>/<N>[.p/<W>]`; kind is a level or `entries`."""
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.insert(0, f"x{number % 1000:03}")
    return f"tile/{kind}/{'/'.join(groups)}" + ("" if width == WIDTH else f".p/{width}")


class Log:
    """What a client sees of one log."""

    def __init__(self, case, site):
        self.case = case
        self.site = site

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.site.admin_port, timeout=20)
        try:
            connection.request(method, "/tlog/" + path)
            answer = connection.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            connection.close()

    def found(self, path):
        """What is served there, once it is."""
        got = []

        def served():
            got[:] = self.get(path)
            if got[0] == 503:
                self.case.assertGreater(int(got[1]["Retry-After"]), 0)
            return got[0] != 503

        wait_until(served, 30, path)
        self.case.assertEqual(got[0], 200, (path, got))
        return got[1], got[2]

    def checkpoint(self):
        headers, note = self.found("checkpoint")
        self.case.assertTrue(headers["Content-Type"].startswith("text/plain"))
        self.case.assertEqual(headers["Cache-Control"], "no-store")
        _, size, root = note.decode().split("\n\n")[0].split("\n")
        return note, int(size), base64.b64decode(root)

    def level(self, kind, count):
        """Bytes of every tile or bundle of a level."""
        pieces = []
        for number in range((count + WIDTH - 1) // WIDTH):
            width = min(WIDTH, count - number * WIDTH)
            headers, body = self.found(tile_path(kind, number, width))
            self.case.assertEqual(headers["Content-Type"], "application/octet-stream")
            self.case.assertEqual("immutable" in headers["Cache-Control"], width == WIDTH)
            pieces.append(body)
        return b"".join(pieces)

    def hashes(self, level, count):
        joined = self.level(level, count)
        self.case.assertEqual(len(joined), 32 * count)
        return [joined[at:at + 32] for at in range(0, len(joined), 32)]

    def entries(self, count):
        joined, found = self.level("entries", count), []
        while joined:
            size = int.from_bytes(joined[:2], "big")
            found.append(joined[2:2 + size])
            joined = joined[2 + size:]
        return found


class Tlog(SiteCase):
    def fill(self, site, count):
        with self.connect(site) as client:
            for _ in range(count):
                self.assertEqual(client.ask("GET", "/public/x").status, 200)

    def test_a_client_rebuilds_the_root_while_the_gateway_goes_on(self):
        site = self.new_site()
        with Gateway(site):
            log = Log(self, site)
            self.fill(site, 300)
            busy = threading.Thread(target=self.fill, args=(site, 300))
            busy.start()
            seen = 0
            while busy.is_alive() or seen == 0:
                note, size, root = log.checkpoint()
                self.assertGreaterEqual(size, seen)
                seen = size
                leaves = log.hashes(0, size)
                self.assertEqual(tree_root(leaves), root)
                for at, above in enumerate(log.hashes(1, size // WIDTH)):
                    self.assertEqual(above, tree_root(leaves[at * WIDTH:(at + 1) * WIDTH]))
            busy.join()
            note, size, root = log.checkpoint()
            bodies = [body for _, body in journal.bodies(site.journal)][:size]
            self.assertEqual([leaf_hash(body) for body in bodies], log.hashes(0, size))
            # What is shown is what the other commands know.
            (self.folder / "served.note").write_bytes(note)
            done = tallygate("audit", "consistency", "--journal", site.journal, "--from", self.folder / "served.note")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assert_sound(site)

    def test_entries_are_shown_only_where_that_was_asked_for(self):
        site = self.new_site()
        with Gateway(site) as gateway:
            log = Log(self, site)
            self.fill(site, 20)
            _, size, _ = log.checkpoint()
            self.assertEqual(log.get(tile_path("entries", 0, size))[0], 404)
            site.settings["audit"]["journal"]["tlog_entries"] = True
            site.write()
            gateway.reload()
            wait_until(lambda: log.get(tile_path("entries", 0, size))[0] == 200, what="the setting is in force")
            _, size, root = log.checkpoint()
            self.assertEqual(tree_root([leaf_hash(entry) for entry in log.entries(size)]), root)
            self.assertEqual(log.entries(size), [body for _, body in journal.bodies(site.journal)][:size])
        self.assert_sound(site)

    def test_what_is_not_there_is_not_found(self):
        site = self.new_site()
        with Gateway(site):
            log = Log(self, site)
            _, size, _ = log.checkpoint()
            self.assertLess(size, WIDTH)
            for path in ("tile/0/000", f"tile/0/000.p/{size + 100}", "tile/1/000.p/1", "tile/0/0", "tile/0/x000/000",
                         "tile/00/000", "tile/0/000.p/0", "tile/0/../0/000", "", "nothing"):
                self.assertEqual(log.get(path)[0], 404, path)
            self.assertEqual(log.get("checkpoint", "POST")[0], 405)
            self.assertEqual(log.get("checkpoint", "HEAD")[2], b"")
        self.assert_sound(site)

    def test_proofs_by_hand_from_tiles(self):
        """An inclusion path is put together from tiles alone, as a monitor would."""
        site = self.new_site()
        with Gateway(site):
            log = Log(self, site)
            self.fill(site, 140)
            _, size, root = log.checkpoint()
            leaves = log.hashes(0, size)

            def path(first, end, index):
                if end - first == 1:
                    return leaves[first]
                middle = first + (1 << ((end - first - 1).bit_length() - 1))
                if index < middle:
                    return node_hash(path(first, middle, index), tree_root(leaves[middle:end]))
                return node_hash(tree_root(leaves[first:middle]), path(middle, end, index))

            for index in (0, size // 2, size - 1):
                self.assertEqual(path(0, size, index), root)
        self.assert_sound(site)


if __name__ == "__main__":
    unittest.main()
