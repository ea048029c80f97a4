"""`tallygate policy check`: what it finds, how it is written, and with what exit code."""

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path

from support.case import SiteCase
from support.site import Gateway, tallygate

SOURCE = Path(os.environ["SOURCE_DIR"])
NOW = ("--now", "2026-03-04T10:00:00Z")

POLICY = """version: 1
policy: p
roles: {viewer: {}, admin: {}}
bindings:
  - {role: viewer, groups: [staff]}
  - {role: admin, groups: [admins]}
resources:
  wiki: {hosts: [wiki.example.com]}
  pages: {hosts: [wiki.example.com], paths: [/admin/**]}
conditions: {mfa: {mfa_within: 1h}}
rules:
  - {id: read, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}%s
  - {id: admin, effect: allow, roles: [admin], resources: [pages], methods: [any], when: [mfa]}
"""


class Lint(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tallygate-lint-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def policy(self, comment=""):
        (self.folder / "policy.yaml").write_text(POLICY % comment)
        return self.folder / "policy.yaml"

    def test_a_warning_is_exit_1_and_stands_on_stdout_with_its_place(self):
        policy = self.policy()
        done = tallygate("policy", "check", policy, *NOW)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn(f"{policy}:12:10: warning: allow rule 'read' opens GET https://wiki.example.com/admin", done.stdout)
        self.assertIn("[L9]\n", done.stdout)
        self.assertIn(f"{policy}: 1 warning\n", done.stdout)
        self.assertEqual(done.stderr, "")

    def test_a_suppression_with_a_reason_is_exit_0(self):
        done = tallygate("policy", "check", self.policy("  # lint: allow L9 because readers may look"), *NOW)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertIn("1 finding suppressed by comments\n", done.stdout)
        self.assertNotIn("warning", done.stdout)

    def test_json_and_sarif_are_one_document_each(self):
        policy = self.policy("  # lint: allow L9 because readers may look")
        done = tallygate("policy", "check", policy, "--json", *NOW)
        document = json.loads(done.stdout)
        self.assertTrue(document["ok"])
        [finding] = document["findings"]
        self.assertEqual((finding["id"], finding["line"], finding["column"], finding["suppressed"]),
                         ("L9", 12, 10, "readers may look"))
        done = tallygate("policy", "check", policy, "--format", "sarif", *NOW)
        [run] = json.loads(done.stdout)["runs"]
        [result] = run["results"]
        self.assertEqual(run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"], "L9")
        self.assertEqual(result["suppressions"], [{"kind": "inSource", "justification": "readers may look"}])
        self.assertEqual(result["locations"][0]["physicalLocation"]["region"], {"startLine": 12, "startColumn": 10})

    def test_what_does_not_load_is_exit_2_in_every_format(self):
        (self.folder / "policy.yaml").write_text("version: 1\npolicy: p\nrolse: {}\n")
        for form in ("text", "json", "sarif"):
            with self.subTest(form):
                done = tallygate("policy", "check", self.folder / "policy.yaml", "--format", form)
                self.assertEqual(done.returncode, 2)
                self.assertIn("policy.yaml:3:1: unknown key 'rolse'", done.stderr)
                if form != "text":
                    json.loads(done.stdout)

    def test_bindings_end_by_the_time_that_is_given(self):
        sample = SOURCE / "config" / "policy.yaml"
        self.assertEqual(tallygate("policy", "check", sample, *NOW).returncode, 0)
        done = tallygate("policy", "check", sample, "--now", "2030-01-01T00:00:00Z")
        self.assertEqual(done.returncode, 1)
        self.assertIn("has expired on 2027-12-31", done.stdout)
        self.assertEqual(tallygate("policy", "check", sample, "--now", "yesterday").returncode, 2)

    def test_groups_come_from_a_file(self):
        policy = self.policy("  # lint: allow L9 because readers may look")
        (self.folder / "groups").write_text("staff\r\n\nadmin\n")
        done = tallygate("policy", "check", policy, "--groups-seen", self.folder / "groups", *NOW)
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"{policy}:6:28: warning: nobody was ever seen with the group 'admins'; did you mean 'admin'?",
                      done.stdout)
        done = tallygate("policy", "check", policy, "--groups-seen", self.folder / "nowhere", *NOW)
        self.assertEqual(done.returncode, 3)

    def test_what_init_writes_has_no_warnings(self):
        done = tallygate("init", self.folder / "site", "--host", "localhost",
                         env={**os.environ, "TALLYGATE_PASSPHRASE": "a passphrase"})
        self.assertEqual(done.returncode, 0, done.stderr)
        done = tallygate("policy", "check", self.folder / "site" / "policy.yaml")
        self.assertEqual(done.returncode, 0, done.stdout)


class RecordedGroups(SiteCase):
    def test_groups_come_from_the_journal_which_says_that_it_was_read(self):
        site = self.new_site()
        del site.settings["audit"]["journal"]["seal"]  # groups are sealed with the person
        site.write()
        with Gateway(site):
            for name in ("robot", "ci"):
                self.assertEqual(self.ask(site, "GET", "/page", [site.bearer(name)]).status, 200)
            done = tallygate("policy", "check", site.root / "policy.yaml", "--config", site.config, "--recorded-groups")
        self.assertEqual(done.returncode, 1, done.stderr)
        unseen = [line for line in done.stdout.splitlines() if line.endswith("[L21]")]
        self.assertEqual(len(unseen), 1, done.stdout)  # staff and editors came, admins did not
        self.assertIn("the group 'admins'", unseen[0])
        read = tallygate("audit", "query", "-c", site.config, "--kind", "journal.read", "--format", "jsonl")
        [entry] = map(json.loads, read.stdout.splitlines())
        self.assertEqual(entry["command"], "policy check")

        # Without the keys nobody can say which groups there were, and nothing is claimed.
        done = tallygate("policy", "check", site.root / "policy.yaml", "--journal", site.journal)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("give --keyring", done.stderr)
        done = tallygate("policy", "check", site.root / "policy.yaml", "--journal", site.journal,
                         "--keyring", site.head.parent / "keyring.db")
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(sum(line.endswith("[L21]") for line in done.stdout.splitlines()), 1)


if __name__ == "__main__":
    unittest.main()
