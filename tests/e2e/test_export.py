"""`audit export`: the folder convinces somebody who has python3, openssl and the provisioning key, and not us."""

import json
import os
import shutil
import subprocess
import sys
import unittest

from support import journal
from support.case import SiteCase
from support.site import Gateway, tallygate


class Export(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.site = cls.new_site()
        with Gateway(cls.site):
            for number in range(30):
                assert cls().ask(cls.site, "GET", f"/public/{number}").status == 200
                if number % 10 == 5:
                    for command in (["keys", "rotate"], ["audit", "seal"]):
                        done = tallygate(*command, "-c", cls.site.config)
                        assert done.returncode == 0, done.stderr

    def export(self, *arguments):
        folder = self.folder / f"bundle-{self.id().rpartition('.')[2]}"
        shutil.rmtree(folder, ignore_errors=True)
        done = tallygate("audit", "export", "-o", folder, "-c", self.site.config, *arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return folder

    def verify(self, folder, key=None):
        """As its README says, in a process that finds no binary of ours."""
        return subprocess.run([sys.executable, "verify.py", str(key or self.site.root_key)], cwd=folder,
                              capture_output=True, text=True, timeout=120, check=False,
                              env={"PATH": "/usr/bin:/bin", "PYTHONDONTWRITEBYTECODE": "1"})

    def test_a_whole_journal_verifies_with_python_and_openssl_alone(self):
        folder = self.export()
        count = len((folder / "entries.jsonl").read_bytes().splitlines())
        done = self.verify(folder)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertTrue(done.stdout.startswith(f"{count} entries of "), done.stdout)
        self.assertIn("key ", (folder / "keys.txt").read_text())

    def test_a_stretch_verifies_with_the_hashes_of_what_is_left_out(self):
        entries = journal.entries(self.site.journal)
        folder = self.export("--from", entries[11]["time"], "--to", entries[17]["time"])
        lines = (folder / "entries.jsonl").read_bytes().splitlines()
        expected = [entry["seq"] for entry in entries if entries[11]["time"] <= entry["time"] < entries[17]["time"]]
        self.assertIn(11, expected)
        self.assertNotIn(17, expected)
        self.assertEqual([json.loads(line)["seq"] for line in lines], expected)
        done = self.verify(folder)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_any_change_to_what_it_rests_on_is_noticed(self):
        folder = self.export("--from", journal.entries(self.site.journal)[20]["time"])
        for name in ("entries.jsonl", "checkpoint", "path.txt", "keys.txt"):
            content = (folder / name).read_bytes()
            for at in range(0, len(content) - 1, max(1, len(content) // 12)):
                changed = bytearray(content)
                changed[at] ^= 1
                (folder / name).write_bytes(changed)
                done = self.verify(folder)
                self.assertEqual(done.returncode, 1, f"{name}, byte {at}: {done.stdout}")
            (folder / name).write_bytes(content)
        self.assertEqual(self.verify(folder).returncode, 0)

    def test_an_entry_left_out_or_another_key_is_noticed(self):
        folder = self.export()
        lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
        (folder / "entries.jsonl").write_bytes(b"".join(lines[:4] + lines[5:]))
        self.assertEqual(self.verify(folder).returncode, 1)
        (folder / "entries.jsonl").write_bytes(b"".join(lines))
        other = self.folder / "other.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.folder / "other.key"], check=True)
        subprocess.run(["openssl", "pkey", "-in", self.folder / "other.key", "-pubout", "-out", other], check=True)
        done = self.verify(folder, other)
        self.assertEqual(done.returncode, 1)
        self.assertIn("provisioning key", done.stderr)

    def test_an_export_is_on_record_and_overwrites_nothing(self):
        folder = self.export()
        noted = [entry for entry in journal.entries(self.site.journal) if entry["kind"] == "journal.export"]
        self.assertEqual(noted[-1]["by"]["uid"], os.getuid())
        self.assertEqual(noted[-1]["first"], 0)
        again = tallygate("audit", "export", "-o", folder, "-c", self.site.config)
        self.assertEqual(again.returncode, 2)
        self.assertIn("nothing is overwritten", again.stderr)
        nothing = tallygate("audit", "export", "-o", self.folder / "none", "--to", "2001-01-01", "-c", self.site.config)
        self.assertNotEqual(nothing.returncode, 0)
        self.assertFalse((self.folder / "none").exists())
        self.assert_sound(self.site)


if __name__ == "__main__":
    unittest.main()
