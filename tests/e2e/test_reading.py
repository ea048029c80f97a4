"""Whoever reads the journal leaves an entry, which names nobody that was looked for."""

import json
import shutil
import unittest

from support import journal
from support.case import SiteCase
from support.site import Gateway, tallygate


class Reading(SiteCase):
    def setUp(self):
        super().setUp()
        self.site = self.new_site()
        with Gateway(self.site):
            self.assertEqual(self.ask(self.site, "GET", "/page", [self.site.bearer("robot")]).status, 200)

    def notes(self):
        own = ("gateway", "id", "kind", "prev", "seq", "time", "v", "by")
        return [({name: value for name, value in entry.items() if name not in own}, entry.get("by"))
                for entry in journal.entries(self.site.journal) if entry["kind"] == "journal.read"]

    def test_each_command_that_shows_entries_is_on_record_before_it_shows_them(self):
        for command in (["query"], ["tail", "-n", "1"], ["show", "0"], ["stats"]):
            with self.subTest(command=command):
                before = len(self.notes())
                done = tallygate("audit", *command, "-c", self.site.config)
                self.assertEqual(done.returncode, 0, done.stderr)
                notes = self.notes()
                self.assertEqual(len(notes), before + 1)
                self.assertEqual(notes[-1][0]["command"], "audit " + command[0])

    def test_a_gateway_that_runs_records_it(self):
        with Gateway(self.site):
            done = tallygate("audit", "query", "-c", self.site.config, "--kind", "access.allow", "--format", "json")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(len(json.loads(done.stdout)), 1)
        self.assertEqual(len(self.notes()), 1)

    def test_a_search_is_recorded_without_the_person_it_was_for(self):
        done = tallygate("audit", "query", "-c", self.site.config, "--user", "robot", "--text", "page",
                         "--effect", "allow", "--kind", "access.allow")
        self.assertEqual(done.returncode, 0, done.stderr)
        [(note, _)] = self.notes()
        self.assertEqual(note["filter"], {"effect": "allow", "kind": "access.allow"})
        self.assertNotIn("robot", json.dumps(note))

    def test_nobody_finds_the_own_reading(self):
        for _ in range(2):
            done = tallygate("audit", "query", "-c", self.site.config, "--kind", "journal.read", "--format", "json")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(json.loads(done.stdout)), 1)

    def test_what_cannot_be_recorded_is_not_read(self):
        kek = self.site.head.parent / "kek"
        kek.rename(kek.with_suffix(".away"))
        done = tallygate("audit", "query", "-c", self.site.config)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertIn("the reading could not be recorded, so nothing is read", done.stderr)

    def test_a_copy_without_its_keyring_is_read_and_says_so(self):
        copy = self.folder / "copy" / "journal"
        shutil.copytree(self.site.journal, copy)
        done = tallygate("audit", "query", "--journal", copy, "--kind", "access.allow", "--format", "json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(json.loads(done.stdout)), 1)
        self.assertIn("the reading is not on record", done.stderr)


if __name__ == "__main__":
    unittest.main()
