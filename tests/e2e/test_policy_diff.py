"""Policies compared, and asked backwards: tables for people, JSON and suites for scripts, exit codes for both."""

import json
import os
import shutil
import tempfile
import unittest
from pathlib import Path

from support.site import tallygate

SOURCE = Path(os.environ["SOURCE_DIR"])
POLICY = SOURCE / "config" / "policy.yaml"
NOW = ["--time", "2026-03-04T10:00:00Z"]


class PolicyDiff(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tallygate-diff-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.old = self.folder / "old.yaml"
        self.new = self.folder / "new.yaml"
        self.write("  - {id: edit, effect: allow, roles: [editor], resources: [wiki], methods: [write]}\n",
                   "  - {id: edit, effect: allow, roles: [viewer], resources: [wiki], methods: [write]}\n")

    def write(self, old, new):
        head = ("version: 1\npolicy: p\nroles: {viewer: {}, editor: {includes: [viewer]}}\n"
                "bindings:\n  - {role: viewer, groups: [staff]}\n  - {role: editor, groups: [editors]}\n"
                "resources: {wiki: {hosts: [wiki.test]}}\nrules:\n"
                "  - {id: read, effect: allow, roles: [viewer], resources: [wiki], methods: [read]}\n")
        self.old.write_text(head + old, encoding="utf-8")
        self.new.write_text(head + new, encoding="utf-8")

    def test_what_opens_is_shown_and_is_exit_1(self):
        done = tallygate("policy", "diff", self.old, self.new, *NOW)
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        for words in ("1 newly allowed, 0 newly denied", "roles = {viewer}: group staff", "expect: allow edit",
                      "write https://wiki.test/"):
            self.assertIn(words, done.stdout)

    def test_what_only_closes_is_exit_1_only_if_asked_for(self):
        for options, code in (([], 0), (["--fail-on", "any"], 1), (["--fail-on", "never"], 0)):
            with self.subTest(options):
                done = tallygate("policy", "diff", self.new, self.old, *NOW, *options)
                self.assertEqual(done.returncode, code, done.stdout + done.stderr)
                self.assertIn("1 newly denied", done.stdout)
        done = tallygate("policy", "diff", self.old, self.new, *NOW, "--fail-on", "never")
        self.assertEqual(done.returncode, 0)

    def test_json_is_one_document(self):
        done = tallygate("policy", "diff", self.old, self.new, *NOW, "--json")
        report = json.loads(done.stdout)
        self.assertTrue(report["whole"])
        self.assertEqual(report["counts"]["opens"], 1)
        self.assertEqual(report["rows"][0]["witness"]["principal"]["groups"], ["staff"])

    def test_rows_as_a_suite_pass_under_the_new_policy_and_fail_under_the_old_one(self):
        done = tallygate("policy", "diff", self.old, self.new, *NOW, "--format", "suite")
        suite = self.folder / "changes_test.yaml"
        suite.write_text(done.stdout, encoding="utf-8")
        self.assertEqual(tallygate("policy", "test", suite).returncode, 0, done.stdout)
        suite.write_text(done.stdout.replace("new.yaml", "old.yaml"), encoding="utf-8")
        self.assertEqual(tallygate("policy", "test", suite).returncode, 1, done.stdout)

    def test_policies_may_have_several_files(self):
        more = self.folder / "more.yaml"
        more.write_text("version: 1\npolicy: p\nbindings: [{role: editor, users: [dana]}]\n", encoding="utf-8")
        done = tallygate("policy", "diff", self.old, f"{self.old},{more}", *NOW)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("user dana", done.stdout)

    def test_mistakes_are_exit_2_and_files_that_are_not_there_exit_3(self):
        self.new.write_text("version: 1\n", encoding="utf-8")
        done = tallygate("policy", "diff", self.old, self.new)
        self.assertEqual((done.returncode, done.stdout), (2, ""))
        self.assertIn("new.yaml:1:1", done.stderr)
        self.assertEqual(tallygate("policy", "diff", self.old, self.folder / "nowhere.yaml").returncode, 3)
        self.assertEqual(tallygate("policy", "diff", self.old, self.old, "--time", "soon").returncode, 2)
        self.assertEqual(tallygate("policy", "diff", self.old).returncode, 2)

    def test_a_policy_is_like_itself(self):
        done = tallygate("policy", "diff", POLICY, POLICY, "--fail-on", "any")
        self.assertEqual(done.returncode, 0)
        self.assertIn("every request is decided alike", done.stdout)

    def test_who_can(self):
        done = tallygate("policy", "who-can", self.old, "--method", "PUT", "--url", "https://wiki.test/x")
        self.assertEqual(done.returncode, 0, done.stderr)
        for words in ("allow edit", "group editors", "how roles are come by", "step-up login"):
            self.assertIn(words, done.stdout)
        done = tallygate("policy", "who-can", self.old, "--url", "https://other.test/", "--json")
        self.assertEqual(done.returncode, 1)
        self.assertFalse(json.loads(done.stdout)["any"])
        self.assertEqual(tallygate("policy", "who-can", self.old, "--url", "wiki").returncode, 2)

    def test_what_can(self):
        done = tallygate("policy", "what-can", self.old, "--user", "ana", "--groups", "staff")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("read https://wiki.test/", done.stdout)
        self.assertNotIn("allow edit", done.stdout)
        self.assertEqual(tallygate("policy", "what-can", self.old, "--user", "ana").returncode, 1)


if __name__ == "__main__":
    unittest.main()
