"""`tallygate demo`: each thing it says one can try gives what it says, and the record outlives it."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
from pathlib import Path

from support import journal
from support.browser import Browser
from support.upstreams import free_port, wait_until

ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.lower().endswith("_proxy")}


class Demo(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tallygate-demo-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.site = self.folder / "site"
        self.port = free_port()
        self.process = None
        self.guide = ""
        self.addCleanup(self.kill)

    def start(self):
        self.output = self.folder / "output"
        with open(self.output, "wb") as out:
            self.process = subprocess.Popen(
                [os.environ["TALLYGATE_BIN"], "demo", "--dir", str(self.site), "--port", str(self.port)], stdout=out,
                stderr=out, env=ENVIRONMENT)
        wait_until(lambda: "audit verify" in self.output.read_text() or self.process.poll() is not None, 60,
                   "the demo says what to try")
        self.assertIsNone(self.process.poll(), self.output.read_text())
        self.guide = self.output.read_text()

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)
        self.assertEqual(self.process.wait(30), 0, self.output.read_text())

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def commands(self):
        """(command, what it should give) of the numbered list."""
        lines = self.guide.splitlines()
        found = []
        for at, line in enumerate(lines):
            if re.match(r"\s+\d\. ", line):
                found.append((lines[at + 1].strip(), lines[at + 2].replace("→", "").strip()))
        return found

    def shell(self, command):
        return subprocess.run(["bash", "-c", command], cwd=self.site, capture_output=True, text=True, timeout=60,
                              check=False, env=ENVIRONMENT)

    def test_what_it_prints_can_be_tried_and_gives_what_is_printed(self):
        self.start()
        commands = self.commands()
        self.assertEqual(len(commands), 5, self.guide)
        for command, gives in commands:
            with self.subTest(command):
                done = self.shell(command)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn(gives, done.stdout)
        for line in self.guide.splitlines():
            if "audit verify" in line or "audit tail" in line:
                done = self.shell(line.strip())
                self.assertEqual(done.returncode, 0, f"{line}: {done.stdout} {done.stderr}")
        decisions = [entry for entry in journal.entries(self.site / "journal") if entry["kind"].startswith("access.")]
        self.assertGreaterEqual(len([entry for entry in decisions if entry["kind"] != "access.end"]), 5)
        self.interrupt()

    def test_the_record_and_the_passwords_are_there_again_the_next_time(self):
        self.start()
        first = re.search(r"alice\s+(\S+)", self.guide).group(1)
        self.interrupt()
        entries = journal.check_chain(self.site / "journal")
        self.start()
        self.assertEqual(re.search(r"alice\s+(\S+)", self.guide).group(1), first)
        self.interrupt()
        self.assertGreater(journal.check_chain(self.site / "journal"), entries)

    def test_a_second_demo_in_the_same_folder_says_so(self):
        self.start()
        done = subprocess.run([os.environ["TALLYGATE_BIN"], "demo", "--dir", str(self.site), "--port",
                               str(free_port())], capture_output=True, text=True, timeout=60, check=False)
        self.assertIn(done.returncode, (2, 3))
        self.assertIn("running", done.stderr)
        self.interrupt()

    def test_people_use_the_sample_application_in_a_browser(self):
        self.start()
        passwords = dict(re.findall(r"^\s+(alice|bob|carol)\s+(\S+)", self.guide, re.MULTILINE))
        origin = f"https://localhost:{self.port}"
        for user, path, status in (("alice", "/reports", 200), ("bob", "/reports", 403), ("carol", "/reports", 200)):
            with self.subTest(user), Browser(["localhost"]) as browser:
                browser.open(origin + "/")
                got = browser.act(f"""(() => {{
                    const form = document.querySelector('form');
                    form.querySelector('input[autocomplete=username]').value = {user!r};
                    form.querySelector('input[type=password]').value = {passwords[user]!r};
                    form.querySelector('button, input[type=submit]').click();
                }})()""")
                self.assertEqual(got, 200)
                self.assertIn(user, browser.text())
                self.save(browser, f"demo-{user}-home")
                self.assertEqual(browser.open(origin + path), status)
                self.save(browser, f"demo-{user}-reports")
                self.assertEqual(browser.complaints(), [])
        self.interrupt()

    def save(self, browser, name):
        folder = os.environ.get("TALLYGATE_E2E_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            browser.screenshot(Path(folder) / f"{name}.png")


if __name__ == "__main__":
    unittest.main()
