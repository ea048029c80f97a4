"""Journals that lost something: what is said about each, and that the commands which are named lead on, and no further."""

import contextlib
import os
import re
import shlex
import shutil
import sqlite3
import unittest

from support import journal
from support.losses import WITH_PASSPHRASE, LossCase, blocks
from support.site import tallygate


class Losses(LossCase):
    def test_a_grant_is_for_the_loss_that_was_told_and_for_no_larger_one(self):
        site = self.lost_newest()
        told = self.ask_recover(site)
        self.assertEqual(told.returncode, 1, told.stderr)
        self.assertIn("are missing", told.stderr)
        grant = re.search(r"^  tallygate (keys grant journal.recover .*)$", told.stderr, re.MULTILINE)[1]
        words = [str(site.key) if word == "ROOT.pem" else word for word in shlex.split(grant)]
        self.done(*words, cwd=site.root, env=WITH_PASSPHRASE)
        self.cut(site, journal.size(site.journal) - 2)
        more = self.ask_recover(site, "--grant", site.root / "recover.grant")
        self.assertEqual(more.returncode, 1, more.stderr)
        self.assertIn("something else was lost", more.stderr)
        self.assertNotEqual(self.verify(site).returncode, 0)

    def test_what_was_told_and_granted_goes_on_and_verifies(self):
        site = self.lost_newest()
        end = journal.size(site.journal)
        self.follow(site, self.ask_recover(site).stderr)
        recovered = [entry for entry in journal.entries(site.journal) if entry["kind"] == "journal.recover"][-1]
        self.assertEqual(recovered["kept"]["size"], end)
        self.assertEqual(recovered["seq"], end)
        self.assertGreater(recovered["abandoned"]["size"], end)
        self.assert_whole(site)

    def test_a_recovery_that_a_crash_cut_short_is_finished_by_the_same_grant(self):
        site = self.lost_newest()
        end = journal.size(site.journal)
        lost = blocks(site.head)
        self.follow(site, self.ask_recover(site).stderr)
        # As a process leaves it that ends between the entry and the next one.
        self.cut(site, end + 1)
        with contextlib.closing(sqlite3.connect(self.segments(site)[-1])) as database:
            note = database.execute("SELECT note FROM checkpoint WHERE size = ?", (end + 1,)).fetchone()[0]
        site.head.write_bytes(b"".join(block.ljust(4096, b"\0") for block in (note, lost[0])))
        self.assertNotEqual(tallygate("audit", "seal", "-c", site.config).returncode, 0)
        told = self.ask_recover(site)
        self.assertEqual(told.returncode, 1, told.stderr)
        self.assertIn(f"Entry {end} records a recovery", told.stderr)
        command = re.search(r"^  tallygate (audit recover .* --grant) FILE$", told.stderr, re.MULTILINE)[1]
        self.done(*shlex.split(command), site.root / "recover.grant")
        self.assertEqual([entry.get("action") for entry in journal.entries(site.journal)][end:], ["abandon", "reopen", None])
        again = self.ask_recover(site, "--grant", site.root / "recover.grant")
        self.assertEqual(again.returncode, 1, again.stderr)
        self.assertIn("nothing to do", again.stderr)
        # What one keeps does not go together with what another gives up.
        both = self.ask_recover(site, *["--grant", site.root / "recover.grant"] * 2)
        self.assertEqual(both.returncode, 1, both.stderr)
        self.assertIn("a second grant", both.stderr)
        self.grow(site)
        self.assert_whole(site)
        # What is lost later needs another grant.
        for size, why in ((end + 5, "used before"), (end + 4, "are missing")):
            self.cut(site, size)
            more = self.ask_recover(site, "--grant", site.root / "recover.grant")
            self.assertNotEqual(more.returncode, 0, more.stdout)
            self.assertIn(why, more.stderr)

    def test_without_its_keys_no_grant_is_asked_for_that_gives_up_an_intact_record(self):
        for name in ("kek", "keyring"):
            site = self.copy()
            getattr(site, name).unlink()
            told = self.ask_recover(site)
            self.assertEqual(told.returncode, 1, told.stderr)
            self.assertNotIn("journal.recover", told.stderr)
            self.assertIn("--new-key", told.stderr)

    def test_a_lost_keyring_gets_a_new_key_by_a_grant(self):
        site = self.copy()
        site.keyring.unlink()
        site.kek.unlink()
        first = self.ask_recover(site)
        made = self.follow(site, first.stderr)
        self.follow(site, made.stderr)
        self.grow(site)
        self.assert_whole(site)
        again = self.ask_recover(site)
        self.assertEqual(again.returncode, 0, again.stderr)

    def test_a_keyring_from_before_the_last_rotation_gets_a_new_key_by_a_grant(self):
        site = self.copy()
        old = site.keyring.read_bytes()
        self.done("keys", "rotate", "-c", site.config)
        site.keyring.write_bytes(old)
        told = self.ask_recover(site)
        self.assertIn("older than the record", told.stderr)
        made = self.follow(site, told.stderr)
        self.follow(site, made.stderr)
        self.grow(site)
        self.assert_whole(site)

    def test_a_lost_open_segment_is_followed_by_a_new_one(self):
        for rotate in (False, True):
            site = self.copy()
            if rotate:
                self.done("keys", "rotate", "-c", site.config)
            lost = self.segments(site)[-1]
            lost.unlink()
            told = self.ask_recover(site)
            self.assertEqual(told.returncode, 1, told.stderr)
            self.assertIn("are missing", told.stderr)
            self.follow(site, told.stderr)
            self.assertEqual(self.segments(site)[-1].name, lost.name)
            self.grow(site)
            self.assert_whole(site)

    def test_the_wal_of_a_lost_segment_is_not_taken_for_that_of_the_new_one(self):
        site = self.copy()
        lost = self.segments(site)[-1]
        wal = lost.parent / (lost.name + "-wal")
        lost.unlink()
        wal.write_bytes(b"what is left of it")
        self.follow(site, self.ask_recover(site).stderr)
        self.assertEqual((lost.parent / (lost.name + "-wal.lost")).read_bytes(), b"what is left of it")
        self.assert_whole(site)

    def test_a_lost_head_is_adopted_for_the_record_that_is_there(self):
        for lose in (os.unlink, lambda head: head.write_bytes(b"\0" * 8192)):
            site = self.copy()
            lose(site.head)
            self.follow(site, self.ask_recover(site).stderr)
            self.assert_whole(site)
            recovered = [entry for entry in journal.entries(site.journal) if entry["kind"] == "journal.recover"]
            self.assertEqual([entry["action"] for entry in recovered][-1], "adopt")

    def test_a_grant_for_one_loss_is_none_for_that_loss_and_head(self):
        site = self.lost_newest()
        told = self.ask_recover(site).stderr
        site.head.unlink()
        with self.assertRaises(AssertionError) as refused:
            self.follow(site, told)
        self.assertIn("head is missing", str(refused.exception))
        self.assertFalse(site.head.exists(), "what is refused leaves everything as it is")

    def test_where_no_grant_helps_none_is_advised(self):
        site = self.copy()
        connection = sqlite3.connect(self.segments(site)[-1])
        connection.execute("CREATE TRIGGER more AFTER INSERT ON entry BEGIN SELECT 1; END")
        connection.commit()
        connection.close()
        told = self.ask_recover(site)
        self.assertEqual(told.returncode, 3, told.stderr)
        self.assertNotIn("keys grant", told.stderr)
        self.assertIn("No grant mends that", told.stderr)

    def test_a_journal_without_its_charter_is_refused_by_every_command(self):
        site = self.copy()
        self.segments(site)[0].unlink()
        for command in (["keys", "list", "--journal", site.journal], ["audit", "recover", "-c", site.config]):
            done = tallygate(*command)
            self.assertEqual(done.returncode, 3, f"{command}: {done.stdout} {done.stderr}")
        site = self.copy()
        os.chmod(self.segments(site)[0], 0o640)
        self.edit(self.segments(site)[0], "DELETE FROM entry WHERE seq = 0")
        for command in (["keys", "list", "--journal", site.journal], ["audit", "recover", "-c", site.config]):
            done = tallygate(*command)
            self.assertEqual(done.returncode, 3, f"{command}: {done.stdout} {done.stderr}")

    def test_to_ask_writes_nothing_and_says_no_more_than_was_looked_at(self):
        site = self.copy()
        size = journal.size(site.journal)
        told = self.ask_recover(site)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("tallygate audit verify", told.stdout)
        self.assertNotIn("nothing is wrong", told.stdout)
        self.assertEqual(journal.size(site.journal), size)

    def test_a_segment_missing_between_others_is_told(self):
        site = self.copy()
        missing = self.segments(site)[1]
        missing.unlink()
        told = self.ask_recover(site)
        self.assertEqual(told.returncode, 3, told.stdout)
        self.assertIn("put the file back from a copy", told.stderr)
        self.assertIn(missing.name, told.stderr)
        self.assertNotIn("keys grant", told.stderr)

    def test_a_head_that_is_behind_is_told_and_not_rolled_forward(self):
        site = self.copy()
        old = site.head.read_bytes()
        self.grow(site)
        site.head.write_bytes(old)
        told = self.ask_recover(site)
        self.assertEqual(told.returncode, 0, told.stderr)
        self.assertIn("rolls it forward", told.stdout)
        self.assertEqual(site.head.read_bytes(), old)

    def test_a_grant_that_is_not_needed_is_refused_and_nothing_is_recorded(self):
        site = self.lost_newest()
        told = self.ask_recover(site).stderr
        whole = self.copy()
        shutil.copy(site.key, whole.key)
        grant = re.search(r"^  tallygate (keys grant journal.recover .*)$", told, re.MULTILINE)[1]
        words = [str(site.key) if word == "ROOT.pem" else word for word in shlex.split(grant)
                 if not word.startswith("abandoned=")]
        self.done(*words, cwd=whole.root, env=WITH_PASSPHRASE)
        size = journal.size(whole.journal)
        done = self.ask_recover(whole, "--grant", whole.root / "recover.grant")
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("not needed", done.stderr)
        self.assertEqual(journal.size(whole.journal), size)

    def test_what_serve_says_leads_to_what_is_to_be_granted(self):
        site = self.lost_newest()
        refused = tallygate("audit", "seal", "-c", site.config)
        command = re.search(r"(tallygate audit recover --journal .*)$", refused.stderr, re.MULTILINE)
        self.assertTrue(command, refused.stderr)
        told = tallygate(*shlex.split(command[1])[1:])
        self.assertEqual(told.returncode, 1, told.stderr)
        self.follow(site, told.stderr)
        self.assert_whole(site)

    def test_other_anchors_of_what_was_given_up_are_let_go_by_name(self):
        site = self.lost_newest()
        anchors = site.root / "anchors"
        anchors.mkdir()
        for number, note in enumerate(blocks(site.head)):
            (anchors / f"block{number}").write_bytes(note)
        third = self.copy(site)
        # Both blocks of head are named by the grant that it asks for.
        self.follow(site, self.ask_recover(site).stderr)
        self.grow(site)
        self.assert_whole(site, "--anchors", anchors)
        # Where only one was named, the verifier says how the other is let go, and that works.
        told = self.ask_recover(third).stderr
        one = re.sub(r"(abandoned=[^, ]+),[^ ]+", r"\1", told)
        self.assertNotEqual(one, told)
        self.follow(third, one)
        self.grow(third)
        found = self.verify(third, "--anchors", anchors)
        self.assertEqual(found.returncode, 1, found.stdout)
        self.assertIn("audit recover --anchors", found.stdout)
        again = self.ask_recover(third, "--anchors", anchors)
        self.assertEqual(again.returncode, 1, again.stdout)
        for grant in third.root.glob("*.grant"):
            grant.unlink()
        self.follow(third, again.stderr)
        self.assert_whole(third, "--anchors", anchors)


if __name__ == "__main__":
    unittest.main()
