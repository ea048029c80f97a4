"""What policy authors run: test with --coverage, --update and --watch, and mutate."""

import json
import os
import signal
import subprocess
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

from support.site import tallygate
from support.upstreams import wait_until

POLICY = """version: 1
policy: small
roles: {reader: {}}
bindings: [{role: reader, groups: [staff]}]
resources: {pages: {hosts: [a.example.com], paths: [/**]}}
rules:
  - {id: read, effect: allow, roles: [reader], resources: [pages], methods: [read]}
"""
SUITE = """# kept
suite: small
policy: policy.yaml
now: "2026-03-04T10:00:00Z"
principals:
  ana: {groups: [staff]}
  eve: {}
tests:
  - name: pages   # kept too
    table:
      columns: ["GET https://a.example.com/", "PUT https://a.example.com/"]
      ana:     [allow read,    deny]
      eve:     [deny default,  deny]
"""


class PolicyAuthors(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="tallygate-authors-")
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.put()

    def put(self, policy=POLICY, suite=SUITE, folder=None):
        folder = folder or self.folder
        folder.mkdir(exist_ok=True)
        (folder / "policy.yaml").write_text(policy)
        (folder / "policy_test.yaml").write_text(suite)

    def run_policy(self, command, *options, code=0):
        done = tallygate("policy", command, "policy_test.yaml", *options, cwd=self.folder)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done

    def test_every_format_is_what_it_says(self):
        self.assertIn("ok    GET https://a.example.com/  allow read", self.run_policy("test", "--format", "tree").stdout)
        self.assertTrue(json.loads(self.run_policy("test", "--json").stdout)["ok"])
        self.assertEqual(ElementTree.fromstring(self.run_policy("test", "--junit").stdout).get("tests"), "4")
        self.assertTrue(self.run_policy("test", "--format", "tap").stdout.startswith("TAP version 13\n1..4\n"))

    def test_a_failed_cell_prints_its_line_and_its_explain(self):
        self.put(suite=SUITE.replace("[allow read, ", "[deny default, "))
        for form in ("text", "tree"):
            said = self.run_policy("test", "--format", form, code=1).stdout
            self.assertIn("policy_test.yaml:12:17", said)
            self.assertIn("expected deny default, got allow read", said)
            self.assertIn("allow  read  matched", said)

    def test_mistakes_end_with_2_before_anything_runs(self):
        mistakes = {
            "an unknown principal": ("eve:     [", "evi:     ["),
            "a row without a column": ("[allow read,    deny]", "[allow read]"),
            "an unknown rule": ("allow read,", "allow reed,"),
            "a suite without tests": (SUITE[SUITE.index("tests:"):], "tests: []\n"),
        }
        for what, (before, after) in mistakes.items():
            with self.subTest(what):
                self.put(suite=SUITE.replace(before, after))
                (self.folder / "good_test.yaml").write_text(SUITE)
                done = tallygate("policy", "test", "good_test.yaml", "policy_test.yaml", cwd=self.folder)
                self.assertEqual(done.returncode, 2)
                self.assertRegex(done.stderr, r"policy_test\.yaml:\d+:\d+: ")
                self.assertEqual(done.stdout, "")

    def test_coverage_fails_under_what_is_asked_for(self):
        said = self.run_policy("test", "--coverage", "--fail-under", "100").stdout
        self.assertIn("coverage of small: 100.0 %, 4 of 4 outcomes", said)
        self.put(suite=SUITE.replace("      ana:     [allow read,    deny]\n", ""))
        self.run_policy("test", "--coverage")
        done = self.run_policy("test", "--coverage", "--fail-under", "100", code=1)
        self.assertIn("less than 100 %", done.stderr)
        document = json.loads(self.run_policy("test", "--coverage", "--json").stdout)
        self.assertEqual(document["coverage"]["policies"][0]["rules"][0]["state"], "never-matched")
        self.run_policy("test", "--fail-under", "100", code=2)

    def test_update_rewrites_what_differs_behind_a_link_and_keeps_the_rest(self):
        self.put(suite=SUITE.replace("[allow read,    deny]", "[deny default,  allow]"))
        real = self.folder / "real.yaml"
        (self.folder / "policy_test.yaml").rename(real)
        real.chmod(0o640)
        (self.folder / "policy_test.yaml").symlink_to("real.yaml")
        self.assertIn("2 cells rewritten", self.run_policy("test", "--update").stderr)
        self.assertEqual(real.read_text(), SUITE.replace("[allow read,    deny]", "[allow read,  deny]"))
        self.assertEqual(real.stat().st_mode & 0o777, 0o640)
        self.assertTrue((self.folder / "policy_test.yaml").is_symlink())
        before = real.stat().st_mtime_ns
        self.run_policy("test", "--update")
        self.assertEqual(real.stat().st_mtime_ns, before, "nothing to do, nothing written")

    def test_update_leaves_the_file_to_whom_it_belongs_or_leaves_it_alone(self):
        self.put(suite=SUITE.replace("[allow read,    deny]", "[deny default,  deny]"))
        suite = self.folder / "policy_test.yaml"
        if os.geteuid() == 0:  # who may write everything may also give it away
            os.chown(suite, 65534, 65534)
            suite.chmod(0o640)
            self.run_policy("test", "--update")
            self.assertEqual((suite.stat().st_uid, suite.stat().st_gid, suite.stat().st_mode & 0o777),
                             (65534, 65534, 0o640))
        else:
            suite.chmod(0o444)
            before = suite.read_text()
            self.run_policy("test", "--update", code=3)
            self.assertEqual(suite.read_text(), before)

    def test_a_name_of_a_file_cannot_move_the_cursor_or_break_a_document(self):
        name = "a\x1b[31m\nb\u202e.yaml"
        (self.folder / name).write_text(SUITE.replace("deny default", "allow read"))
        for options in ([], ["--format", "tree"], ["--format", "tap"], ["--coverage"], ["--junit"], ["--json"]):
            with self.subTest(options):
                done = tallygate("policy", "test", name, *options, cwd=self.folder)
                self.assertEqual(done.returncode, 1, done.stderr)
                for said in ("\x1b", "\u202e", "\nb"):
                    self.assertNotIn(said, done.stdout + done.stderr)
                if options == ["--junit"]:
                    ElementTree.fromstring(done.stdout)

    def test_update_of_a_suite_that_is_named_twice_writes_it_once(self):
        self.put(suite=SUITE.replace("[allow read,    deny]", "[deny default,  allow]"))
        (self.folder / "other.yaml").symlink_to("policy_test.yaml")
        self.run_policy("test", str(self.folder / "other.yaml"), "--update")
        self.assertEqual((self.folder / "policy_test.yaml").read_text(),
                         SUITE.replace("[allow read,    deny]", "[allow read,  deny]"))

    def test_update_that_cannot_say_it_in_one_text_is_a_no(self):
        shared = SUITE + '  - {name: u, principals: [ana, eve], requests: ["GET https://a.example.com/"], expect: allow}\n'
        self.put(suite=shared)
        self.assertIn("not rewritten", self.run_policy("test", "--update", code=1).stderr)
        self.assertEqual((self.folder / "policy_test.yaml").read_text(), shared)

    def test_mutate_lists_survivors(self):
        self.assertIn("4 killed, 0 survived", self.run_policy("mutate").stdout)
        self.put(suite=SUITE.replace("PUT ", "HEAD ").replace("deny]", "allow]", 1))
        done = self.run_policy("mutate", code=1)
        self.assertIn("policy.yaml:7:10: survived any-method: rule read: any method", done.stdout)
        self.run_policy("mutate", "--only", "delete-rule,drop-binding")
        self.run_policy("mutate", "--only", "no-such-change", code=2)
        document = json.loads(self.run_policy("mutate", "--json", code=1).stdout)
        self.assertEqual((document["mutants"], document["survived"]), (4, 1))

    def test_mutate_of_suites_that_fail_is_a_document_too(self):
        self.put(suite=SUITE.replace("deny default", "allow read"))
        document = json.loads(self.run_policy("mutate", "--json", code=1).stdout)
        self.assertFalse(document["ok"])
        self.assertEqual(document["tests"]["failed"], 1)

    def test_mutate_refuses_suites_that_fail_already(self):
        self.put(suite=SUITE.replace("allow read", "deny default"))
        self.assertIn("mend that first", self.run_policy("mutate", code=1).stderr)

    def watching(self, path):
        out = open(self.folder / "out", "wb")
        err = open(self.folder / "err", "wb")
        self.addCleanup(out.close)
        self.addCleanup(err.close)
        process = subprocess.Popen([os.environ["TALLYGATE_BIN"], "policy", "test", path, "--watch"], cwd=self.folder,
                                   stdout=out, stderr=err)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def runs(self):
        return (self.folder / "err").read_text().count("waiting for changes")

    def test_watch_runs_again_after_every_way_of_changing_a_file(self):
        self.put(folder=self.folder / "one")
        self.put(suite=SUITE.replace("allow read", "deny default"), folder=self.folder / "two")
        (self.folder / "current").symlink_to("one")
        process = self.watching("current/policy_test.yaml")
        two = self.folder / "two"

        def write():
            (self.folder / "one" / "policy_test.yaml").write_text(SUITE + "# more\n")

        def exchange_the_link():
            (self.folder / "next").symlink_to("two")
            (self.folder / "next").rename(self.folder / "current")

        def replace_the_policy():
            (two / ".policy.yaml.new").write_text(POLICY + "# more\n")
            (two / ".policy.yaml.new").rename(two / "policy.yaml")

        def take_the_policy_away():
            (two / "policy.yaml").unlink()

        def exchange_the_folder():
            two.rename(self.folder / "old")
            (self.folder / "one").rename(two)

        changes = [write, exchange_the_link, replace_the_policy, take_the_policy_away, exchange_the_folder]
        wait_until(lambda: self.runs() == 1, what="the first run")
        for change in changes:
            before = self.runs()
            change()
            wait_until(lambda seen=before: self.runs() > seen, what=f"a run after {change.__name__}")
        wait_until(lambda: (self.folder / "out").read_text().endswith("4 passed, 0 failed (1 suite)\n"),
                   what="the run of what is there at last")
        self.assertIn("1 failed", (self.folder / "out").read_text(), "what the exchanged link leads to is run")
        self.assertIn("the policy 'current/policy.yaml' can't be read", (self.folder / "err").read_text())
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 0)

    def test_ctrl_c_gives_the_code_of_the_last_run(self):
        self.put(suite=SUITE.replace("allow read", "deny default"))
        process = self.watching("policy_test.yaml")
        wait_until(lambda: self.runs() == 1, what="the first run")
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(20), 1)


if __name__ == "__main__":
    unittest.main()
