"""The command line: a slip of the pen is named, nothing is left behind, and nothing said back can hurt a terminal."""

import os
import shutil
import socket
import subprocess
import tempfile
import unittest
from pathlib import Path

from support.site import tallygate

SOURCE = Path(os.environ["SOURCE_DIR"])


class CommandLine(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tallygate-cli-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)

    def make_site(self):
        done = subprocess.run([os.environ["TALLYGATE_BIN"], "init", str(self.folder / "site"), "--host", "localhost"],
                              capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "TALLYGATE_PASSPHRASE": "a passphrase"})
        self.assertEqual(done.returncode, 0, done.stderr)
        return self.folder / "site"

    def test_a_new_site_brings_the_schemas_that_its_files_name(self):
        site = self.make_site()
        for name in ("gateway", "policy", "policy_test"):
            first = (site / f"{name}.yaml").read_text().splitlines()[0]
            self.assertEqual(first, f"# yaml-language-server: $schema=schemas/{name}.schema.json")
            self.assertEqual((site / "schemas" / f"{name}.schema.json").read_text(),
                             (SOURCE / "config" / f"{name}.schema.json").read_text())

    def test_a_command_that_is_not_there_is_named_with_the_nearest_one(self):
        done = tallygate("audti")
        self.assertEqual(done.returncode, 2)
        self.assertIn("no command 'audti'; did you mean 'audit'?", done.stderr)
        done = tallygate("audit", "verfy")
        self.assertEqual(done.returncode, 2)
        self.assertIn("tallygate audit: there is no command 'verfy'; did you mean 'verify'?", done.stderr)

    def test_a_command_of_the_library_still_says_what_it_misses(self):
        done = tallygate("audit")
        self.assertEqual(done.returncode, 2)
        self.assertIn("subcommand", done.stderr)

    def test_a_query_that_can_match_nothing_is_refused(self):
        journal = self.make_site() / "journal"
        for arguments, says in ((["--kind", "access.alow"], "did you mean 'access.allow'?"),
                                (["--ip", "10.0.0.300"], "no IP address"),
                                (["--from", "2026-02-01", "--to", "2026-01-01"], "--from is not before --to")):
            with self.subTest(arguments):
                done = tallygate("audit", "query", "--journal", journal, *arguments)
                self.assertEqual((done.returncode, done.stdout), (2, ""))
                self.assertIn(says, done.stderr)
        for kind in ("key", "key.*", "key.provision"):
            with self.subTest(kind):
                done = tallygate("audit", "query", "--journal", journal, "--kind", kind)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertIn("key.provision", done.stdout)

    def test_settings_that_cannot_be_read_are_exit_3(self):
        done = tallygate("policy", "check", SOURCE / "config" / "policy.yaml", "--config", self.folder / "nowhere.yaml")
        self.assertEqual(done.returncode, 3)
        self.assertIn("nowhere.yaml", done.stderr)

    def test_what_is_said_back_has_no_control_characters(self):
        done = tallygate("init", self.folder / "site", "--host", "a\x1b[31mb")
        self.assertEqual(done.returncode, 2)
        self.assertNotIn("\x1b", done.stderr)
        done = tallygate("policy", "explain", SOURCE / "config" / "policy.yaml", "--url", "gopher://\x1b[31m")
        self.assertNotIn("\x1b", done.stderr)

    def test_every_mistake_of_the_settings_has_a_line_whoever_reads_them(self):
        broken = self.folder / "broken.yaml"
        broken.write_text("version: 1\nrulez: []\nthreads: many\n")
        for command in (["audit", "show", "1"], ["audit", "seal"], ["policy", "replay", "--policy", broken]):
            with self.subTest(command[:2]):
                done = tallygate(*command, "-c", broken)
                self.assertEqual(done.returncode, 2, done.stderr)
                lines = done.stderr.splitlines()
                self.assertGreater(len(lines), 2)
                for line in lines:
                    self.assertRegex(line, r"broken\.yaml:\d+:\d+: ")

    def test_values_that_mean_nothing_are_refused(self):
        site = self.make_site()
        policy = SOURCE / "config" / "policy.yaml"
        for arguments in (["audit", "query", "--journal", site / "journal", "--limit", "0"],
                          ["keys", "grant", "journal.recover", "--id", "nope", "--key", site / "provisioning.key.pem",
                           "-o", self.folder / "grant"],
                          ["keys", "provision", "--origin", "a/b", "-o", self.folder / "k", "--retention", "x",
                           "--journal", self.folder / "j"],
                          ["keys", "provision", "--origin", "https://a/b", "-o", self.folder / "k",
                           "--journal", self.folder / "j"],
                          ["policy", "explain", policy, "--user", "", "--url", "https://a.example.com/"],
                          ["policy", "what-can", policy, "--user", ""],
                          ["policy", "explain", policy, "--entry", "x", "-c", site / "gateway.yaml"]):
            with self.subTest(arguments[:2]):
                done = subprocess.run([os.environ["TALLYGATE_BIN"], *map(str, arguments)], capture_output=True, text=True,
                                      timeout=60, check=False,
                                      env={**os.environ, "TALLYGATE_PASSPHRASE": "a passphrase"})
                self.assertEqual((done.returncode, done.stdout), (2, ""), done.stderr)
                self.assertLess(len(done.stderr), 400)
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["site"])

    def test_a_private_key_in_place_of_the_root_is_refused_without_a_question(self):
        site = self.make_site()
        done = tallygate("audit", "verify", "--root", site / "provisioning.key.pem", "--journal", site / "journal",
                         stdin=subprocess.DEVNULL)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("Enter", done.stderr)

    def test_output_that_cannot_be_written_is_said(self):
        with open("/dev/full", "w") as full:
            done = subprocess.run([os.environ["TALLYGATE_BIN"], "policy", "test", SOURCE / "config" / "policy_test.yaml"],
                                  stdout=full, stderr=subprocess.PIPE, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 3)
        self.assertIn("cannot write the output", done.stderr)

    def test_closed_standard_streams_are_not_lent_to_files(self):
        site = self.make_site()
        done = subprocess.run(f"'{os.environ['TALLYGATE_BIN']}' audit seal -c '{site}/gateway.yaml' <&- >&- 2>&-", shell=True,
                              timeout=60, check=False)
        self.assertIn(done.returncode, (0, 3))
        done = tallygate("audit", "verify", "--journal", site / "journal", "--head", site / "head" / "head",
                         "--root", site / "provisioning.pub.pem")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_a_certificate_that_is_none_is_reported_at_its_place(self):
        site = self.make_site()
        (site / "tls" / "cert.pem").write_text("no certificate\n")
        done = tallygate("serve", "-c", site / "gateway.yaml")
        self.assertIn(done.returncode, (2, 3))
        self.assertRegex(done.stderr, r"gateway\.yaml:\d+:\d+: .*cert\.pem")

    def test_a_demo_whose_port_is_taken_leaves_nothing_behind(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            done = tallygate("demo", "--dir", self.folder / "demo", "--port", taken.getsockname()[1])
        self.assertEqual(done.returncode, 3)
        self.assertIn("--port", done.stderr)
        self.assertFalse((self.folder / "demo").exists())

    def test_a_gateway_does_not_share_the_port_of_a_stranger(self):
        site = self.make_site()
        with socket.socket() as taken:
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
            taken.bind(("0.0.0.0", 0))
            taken.listen()
            port = taken.getsockname()[1]
            settings = (site / "gateway.yaml").read_text()
            self.assertIn(":8443", settings)
            (site / "gateway.yaml").write_text(settings.replace(":8443", f":{port}"))
            done = tallygate("serve", "-c", site / "gateway.yaml")
        self.assertEqual(done.returncode, 3)
        self.assertIn(str(port), done.stderr)


if __name__ == "__main__":
    unittest.main()
