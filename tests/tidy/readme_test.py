#!/usr/bin/env python3
"""Runs `tallygate demo` as a reader of the README would, tries all that it prints, ends it with Ctrl-C, and verifies its
journal with the very lines of the README: first as it is, then after one byte of it was changed."""

import pathlib
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TALLYGATE = ""
START_LIMIT_S = 60
STOP_LIMIT_S = 40


def block(name):
    """The fenced block of the README that carries this name."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^```sh " + name + r"\n(.*?)^```$", text, re.M | re.S)
    assert found, "README.md has no block called " + name
    return found.group(1)


class Demo:
    """A running demonstration; `guide` is what it printed."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [TALLYGATE, "demo", "--dir", str(folder), "--port", "0"], stdout=subprocess.PIPE, text=True)
        watchdog = threading.Timer(START_LIMIT_S, self.process.kill)
        watchdog.start()
        lines = []
        for line in self.process.stdout:
            lines.append(line)
            if line.startswith("Change policy.yaml"):
                break
        watchdog.cancel()
        self.guide = "".join(lines)

    def tries(self):
        """Pairs of a command line and what it must print."""
        return re.findall(r"^     (curl .*)\n     → (.*)$", self.guide, re.M)

    def commands(self):
        return re.findall(r"^  (\S*tallygate audit .*)$", self.guide, re.M)

    def end(self):
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)
        rest, _ = self.process.communicate(timeout=STOP_LIMIT_S)
        return self.process.returncode, rest


def sh(command, folder):
    return subprocess.run(["sh", "-c", command], cwd=folder, capture_output=True, text=True, timeout=60, check=False)


class ReadmeTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="tallygate-readme-")
        cls.folder = pathlib.Path(cls.scratch.name) / "a demo"
        cls.results = []
        demo = Demo(cls.folder)
        cls.guide = demo.guide
        for command, expected in demo.tries():
            cls.results.append((command, expected, sh(command, cls.folder)))
        cls.status, cls.rest = demo.end()
        cls.audits = [(command, sh(command, cls.folder)) for command in demo.commands()]

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def copy(self):
        target = pathlib.Path(tempfile.mkdtemp(dir=self.scratch.name)) / "copy"
        shutil.copytree(self.folder, target)
        return target

    def test_each_of_the_five_things_to_try_gives_what_is_printed(self):
        self.assertEqual(len(self.results), 5, self.guide)
        for command, expected, result in self.results:
            with self.subTest(command):
                self.assertEqual(result.returncode, 0, result.stderr)
                self.assertIn(expected, result.stdout.replace(": ", ":"))

    def test_ctrl_c_ends_the_demo_cleanly(self):
        self.assertEqual(self.status, 0, self.rest)
        self.assertIn("The demo has ended", self.rest)

    def test_the_audit_commands_that_are_printed_work(self):
        self.assertEqual(len(self.audits), 2, self.guide)
        for command, result in self.audits:
            with self.subTest(command):
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_the_policy_of_the_demo_passes_its_tests(self):
        result = sh(TALLYGATE + " policy test policy_test.yaml", self.folder)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_the_journal_goes_on_with_the_next_run(self):
        folder = self.copy()
        with sqlite3.connect(folder / "journal" / "000000000000.db") as journal:
            before = journal.execute("SELECT count(*) FROM entry").fetchone()[0]
        status, _ = Demo(folder).end()
        self.assertEqual(status, 0)
        result = sh(block("verify-by-hand"), folder)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertGreater(int(re.search(r"^(\d+) entries", result.stdout, re.M).group(1)), before)

    def test_the_lines_of_the_readme_verify_the_journal(self):
        result = sh(block("verify-by-hand"), self.folder)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertEqual(result.stdout.count("Signature Verified Successfully"), 2, result.stdout)
        self.assertIn("chain, root and signature agree", result.stdout)

    def test_the_lines_of_the_readme_find_a_changed_entry(self):
        folder = self.copy()
        with sqlite3.connect(folder / "journal" / "000000000000.db") as journal:
            for (trigger,) in journal.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                journal.execute('DROP TRIGGER "%s"' % trigger)
            seq, body = journal.execute(
                "SELECT seq, body FROM entry WHERE instr(body, 'access.deny') LIMIT 1").fetchone()
            changed = body.replace(b"access.deny", b"access.denY")
            journal.execute("UPDATE entry SET body = ? WHERE seq = ?", (changed, seq))
        result = sh(block("verify-by-hand"), folder)
        self.assertNotEqual(result.returncode, 0, result.stdout)
        self.assertIn("the chain breaks at %d" % (seq + 1), result.stderr)

    def test_the_lines_of_the_readme_find_a_forged_charter(self):
        folder = self.copy()
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", folder / "other.pem"], check=True)
        subprocess.run(["openssl", "pkey", "-in", folder / "other.pem", "-pubout", "-out",
                        folder / "provisioning.pub.pem"], check=True)
        result = sh(block("verify-by-hand"), folder)
        self.assertNotEqual(result.returncode, 0, result.stdout)


class InitTest(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="tallygate-init-")
        self.root = pathlib.Path(self.scratch.name)
        (self.root / "passphrase").write_text("correct horse battery staple\n", encoding="utf-8")

    def tearDown(self):
        self.scratch.cleanup()

    def run_tallygate(self, *arguments):
        return subprocess.run([TALLYGATE, *arguments], cwd=self.root, capture_output=True, text=True, timeout=60,
                              check=False)

    def init(self, *arguments):
        return self.run_tallygate("init", *arguments, "--passphrase-file", "passphrase")

    def test_a_new_site_passes_its_own_policy_tests_and_verifies(self):
        made = self.init("gw", "--host", "wiki.example.com")
        self.assertEqual(made.returncode, 0, made.stderr)
        self.assertIn("SHA256:", made.stdout)
        commands = re.findall(r"^  \S*tallygate (policy test .*|audit verify .*)$", made.stdout, re.M)
        self.assertEqual(len(commands), 2, made.stdout)
        for command in commands:
            result = self.run_tallygate(*command.split())
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        listed = self.run_tallygate("keys", "list", "-c", "gw/gateway.yaml")
        self.assertEqual(listed.returncode, 0, listed.stderr)
        for line in re.findall(r"SHA256:\S+", made.stdout):
            self.assertIn(line, listed.stdout)

    def test_the_command_that_users_yaml_gives_makes_a_hash_that_it_accepts(self):
        self.assertEqual(self.init("gw").returncode, 0)
        text = (self.root / "gw" / "users.yaml").read_text(encoding="utf-8")
        program = re.search(r"python3 -c '(.*)'$", text, re.M).group(1)
        program = program.replace("getpass.getpass()", "'a new password'")
        made = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        self.assertRegex(made.stdout, r"^scrypt\$32768\$8\$1\$[A-Za-z0-9+/]{22}==\$[A-Za-z0-9+/]{43}=\n$")

    def test_it_never_writes_over_what_is_there(self):
        self.assertEqual(self.init("gw").returncode, 0)
        before = sorted((path, path.stat().st_mtime_ns) for path in (self.root / "gw").rglob("*"))
        again = self.init("gw")
        self.assertEqual(again.returncode, 2)
        self.assertEqual(len(again.stderr.splitlines()), 1, again.stderr)
        self.assertEqual(sorted((path, path.stat().st_mtime_ns) for path in (self.root / "gw").rglob("*")), before)

    def test_bad_input_leaves_nothing_and_says_one_line(self):
        cases = [(["gw", "--host", "bad..name"], 2), (["gw", "--host", "*.example.com"], 2), (["no/such/gw"], 3)]
        for arguments, status in cases:
            with self.subTest(arguments):
                result = self.init(*arguments)
                self.assertEqual(result.returncode, status, result.stderr)
                self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
                self.assertEqual([path.name for path in self.root.iterdir()], ["passphrase"])

    def test_without_a_terminal_it_asks_for_a_passphrase_file(self):
        result = subprocess.run(["setsid", TALLYGATE, "init", "gw"], cwd=self.root, capture_output=True, text=True,
                                stdin=subprocess.DEVNULL, timeout=60, check=False, env={"PATH": "/usr/bin:/bin"})
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertIn("--passphrase-file", result.stderr)
        self.assertFalse((self.root / "gw").exists())


if __name__ == "__main__":
    TALLYGATE = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
