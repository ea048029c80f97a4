"""The journal's disk in trouble: 503 for every request, readiness off within two seconds, and all well again, without
a restart, when the cause is gone. Every answer that was not 503 is on record, and the chain holds."""

import contextlib
import shutil
import time
import unittest

from support import journal, mounts
from support.case import SiteCase
from support.site import Gateway
from support.upstreams import wait_until

READY_OFF_S = 2
RECOVERY_S = 20


class DiskFaults(SiteCase):
    def setUp(self):
        self.app.rest()
        self.app.clear()
        self.answers = []

    def site_on(self, size_mib=None):
        """A site; with a size its journal and head lie on a file system of that size."""
        site = self.new_site()
        if size_mib:
            disk = mounts.SmallDisk(self.folder / f"disk{self._sites}", size_mib)
            self.addCleanup(disk.remove)
            for name in ("journal", "head"):
                shutil.copytree(site.root / name, disk.folder / name)
                shutil.rmtree(site.root / name)
                (site.root / name).symlink_to(disk.folder / name)
            site.disk = disk
        return site

    def get(self, site):
        answer = self.ask(site, "GET", "/public/x")
        self.assertIn(answer.status, (200, 503))
        self.answers.append(answer)
        return answer.status

    def notices(self, site, most=2000):
        """Asks until the trouble shows."""
        for _ in range(most):
            if self.get(site) == 503:
                return
        self.fail(f"{most} requests, and the journal has not noticed")

    def in_trouble(self, site, gateway):
        """Once the trouble shows everything must be refused, and readiness go off in time."""
        self.notices(site)
        noticed = time.monotonic()
        why = wait_until(lambda: self.unready(gateway), READY_OFF_S, "/readyz goes off within two seconds")
        self.assertLess(time.monotonic() - noticed, READY_OFF_S + 1)
        heads = self.app.heads
        for _ in range(20):
            self.assertEqual(self.get(site), 503)
        self.app.rest()
        self.assertEqual(self.app.heads, heads, "nothing reached the application")
        return why

    def unready(self, gateway):
        status, body = gateway.admin("/readyz")
        return body if status == 503 else None

    def recovers(self, site, gateway):
        wait_until(lambda: self.get(site) == 200 and gateway.ready(), RECOVERY_S, "requests are allowed again")
        for _ in range(20):
            self.assertEqual(self.get(site), 200)

    def check(self, site):
        """Every allowed request has its one decision; what was refused for lack of a record was allowed by nobody."""
        decisions = journal.by_request_id(site.journal)
        for answer in self.answers:
            found = decisions.get(answer.request_id, [])
            if answer.status == 200:
                self.assertEqual([entry["kind"] for entry in found], ["access.allow"], answer.request_id)
            else:
                self.assertLessEqual(len(found), 1)
        self.assert_sound(site)

    def test_a_full_disk(self):
        site = self.site_on(size_mib=12)
        with Gateway(site) as gateway:
            self.assertEqual(self.get(site), 200)
            site.disk.fill()
            why = self.in_trouble(site, gateway)
            self.assertRegex(why.lower(), "full|space")
            site.disk.unfill()
            self.recovers(site, gateway)
        self.check(site)

    def test_a_disk_that_fills_and_empties_again_and_again(self):
        site = self.site_on(size_mib=12)
        with Gateway(site) as gateway:
            for _ in range(5):
                site.disk.fill()
                self.in_trouble(site, gateway)
                site.disk.unfill()
                self.recovers(site, gateway)
        self.check(site)

    def test_files_that_became_read_only(self):
        site = self.site_on()
        with Gateway(site) as gateway:
            self.assertEqual(self.get(site), 200)
            files = [*site.journal.glob("*.db"), *site.journal.glob("*-wal")]
            self.addCleanup(mounts.thaw, *files)
            mounts.freeze(*files)
            try:
                self.in_trouble(site, gateway)
            finally:
                mounts.thaw(*files)
            self.recovers(site, gateway)
        self.check(site)

    def test_a_map_of_the_log_that_became_read_only_serves_nothing(self):
        # SQLite maps this file: where the system lets nobody write to it, writing ends the process (SIGBUS). That
        # is no answer to be proud of, but a closed one: nothing is allowed, and the next start finds the chain whole.
        site = self.site_on()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        self.assertEqual(self.get(site), 200)
        files = list(site.journal.glob("*-shm"))
        mounts.freeze(*files)
        self.addCleanup(mounts.thaw, *files)
        heads = self.app.heads
        with contextlib.suppress(OSError, AssertionError):
            for _ in range(20):
                if self.get(site) == 503:
                    break
        answered = sum(1 for answer in self.answers if answer.status == 200)
        self.assertEqual(self.app.heads, heads - 1 + answered)
        mounts.thaw(*files)
        if any(answer.status == 503 for answer in self.answers):
            self.recovers(site, gateway)
            gateway.stop()
        else:
            gateway.process.wait(20)
        with Gateway(site) as again:
            self.recovers(site, again)
        self.check(site)

    def test_a_head_that_became_read_only(self):
        site = self.site_on()
        with Gateway(site) as gateway:
            self.assertEqual(self.get(site), 200)
            mounts.freeze(site.head)
            self.addCleanup(mounts.thaw, site.head)
            # An open file stays writable to whoever has it open, on some file systems: then nothing is wrong yet.
            statuses = {self.get(site) for _ in range(50)}
            mounts.thaw(site.head)
            self.assertLessEqual(statuses, {200, 503})
            self.recovers(site, gateway)
        self.check(site)

    def test_a_journal_folder_that_was_moved_away_and_back(self):
        site = self.site_on()
        away = site.root / "away"
        with Gateway(site) as gateway:
            self.assertEqual(self.get(site), 200)
            site.journal.rename(away)
            self.in_trouble(site, gateway)
            away.rename(site.journal)
            self.recovers(site, gateway)
        self.check(site)

    def test_a_journal_that_was_replaced_by_a_whole_copy_is_checked_and_gone_on_with(self):
        site = self.site_on()
        original = site.root / "original"
        with Gateway(site) as gateway:
            self.assertEqual(self.get(site), 200)
            site.journal.rename(original)
            shutil.copytree(original, site.journal)
            self.notices(site)
            self.recovers(site, gateway)
        self.check(site)

    def test_a_journal_that_was_replaced_by_an_older_copy_is_not_gone_on_with(self):
        site = self.site_on()
        original, older = site.root / "original", site.root / "older"
        with Gateway(site) as gateway:
            self.assertEqual(self.get(site), 200)
        shutil.copytree(site.journal, older)
        with Gateway(site) as gateway:
            for _ in range(10):
                self.assertEqual(self.get(site), 200)
            site.journal.rename(original)
            older.rename(site.journal)
            self.in_trouble(site, gateway)
            # However often it is opened again: the head is ahead of it.
            for _ in range(200):
                self.assertEqual(self.get(site), 503)
            shutil.rmtree(site.journal)
            original.rename(site.journal)
            self.recovers(site, gateway)
        self.check(site)

    def test_a_segment_that_was_deleted_is_noticed_and_not_served_without(self):
        site = self.site_on()
        backup = site.root / "backup"
        backup.mkdir()
        with Gateway(site) as gateway:
            self.assertEqual(self.get(site), 200)
            for path in list(site.journal.glob("0*.db*")):
                (backup / path.name).hardlink_to(path)
                path.unlink()
            self.in_trouble(site, gateway)
            for path in backup.iterdir():
                path.rename(site.journal / path.name)
            self.recovers(site, gateway)
        self.check(site)

    def test_a_head_that_was_deleted_is_noticed(self):
        site = self.site_on()
        kept = site.root / "kept-head"
        with Gateway(site) as gateway:
            self.assertEqual(self.get(site), 200)
            site.head.rename(kept)
            self.in_trouble(site, gateway)
            kept.rename(site.head)
            self.recovers(site, gateway)
        self.check(site)

    def test_a_deleted_segment_keeps_the_next_start_from_serving(self):
        site = self.site_on()
        with Gateway(site) as gateway:
            self.assertEqual(self.get(site), 200)
        for path in list(site.journal.glob("0*.db*")):
            path.unlink()
        self.assert_refuses(site)

    def test_an_older_copy_of_the_journal_keeps_the_next_start_from_serving(self):
        site = self.site_on()
        with Gateway(site):
            self.assertEqual(self.get(site), 200)
        older = site.root / "older"
        shutil.copytree(site.journal, older)
        with Gateway(site):
            for _ in range(10):
                self.assertEqual(self.get(site), 200)
        shutil.rmtree(site.journal)
        older.rename(site.journal)
        self.assert_refuses(site)

    def assert_refuses(self, site):
        """Either the gateway ends with 3, or it answers 503 only; it says what is wrong in both cases."""
        self.app.clear()
        try:
            gateway = Gateway(site, wait_ready=False)
        except AssertionError as ended:
            self.assertIn("ended with 3", str(ended))
            self.assertIn("journal", str(ended))
            return
        with gateway:
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 503)
            self.assertIn("journal", wait_until(lambda: self.unready(gateway), 5, "/readyz is off"))
        self.app.rest()
        self.assertEqual(self.app.heads, 0)


if __name__ == "__main__":
    mounts.enter()
    unittest.main()
