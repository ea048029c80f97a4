"""`audit export`: the folder convinces somebody who has python3, openssl and the provisioning key, and not us."""

import base64
import contextlib
import hashlib
import importlib.util
import io
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import unittest

from support import journal
from support.case import SiteCase
from support.site import Gateway, tallygate
from support.upstreams import wait_until


def load(file):
    """A bundle's verifier as a module."""
    spec = importlib.util.spec_from_file_location("bundle_verifier", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def quietly(function, *arguments):
    with contextlib.redirect_stdout(io.StringIO()):
        return function(*arguments)


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
        # One more on each side, so that nobody can say that there was another between.
        first, last = expected[0] - 1, expected[-1] + 1
        self.assertEqual([json.loads(line)["seq"] for line in lines], list(range(first, last + 1)))
        done = self.verify(folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn(f"from {entries[11]['time']} until {entries[17]['time']}\n", done.stdout)
        self.assertIn(f"here:      entries {first} to {last}\n", done.stdout)
        self.assertIn(f"not here:  entries 0 to {first - 1}, before that time\n", done.stdout)
        self.assertIn("Nothing that was asked for is missing", done.stdout)

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

    def test_every_byte_of_the_small_files_counts(self):
        """With a signature check that knows what openssl called good, so that all of them can be tried."""
        folder = self.export("--from", journal.entries(self.site.journal)[20]["time"])
        der = subprocess.run(["openssl", "pkey", "-pubin", "-in", self.site.root_key, "-outform", "DER"], check=True,
                             capture_output=True).stdout
        verifier = load(folder / "verify.py")
        good = set()
        ask_openssl = verifier.good_signature

        def remember(*what):
            if not ask_openssl(*what):
                return False
            good.add(what)
            return True

        verifier.good_signature = remember
        self.assertTrue(quietly(verifier.check, der[12:]))
        verifier.good_signature = lambda *what: what in good
        self.assertTrue(quietly(verifier.check, der[12:]))

        def refused(name, changed, how):
            (folder / name).write_bytes(changed)
            with self.assertRaises(verifier.BROKEN, msg=f"{name}, {how}"):
                quietly(verifier.check, der[12:])

        for name in ("checkpoint", "path.txt", "keys.txt"):
            content = (folder / name).read_bytes()
            for at, byte in enumerate(content):
                for other in {byte ^ 1, byte ^ 0x20, *(b"\n\r\v\x1c" if byte in b"\n\r" else b"")} - {byte}:
                    refused(name, content[:at] + bytes([other]) + content[at + 1:], f"byte {at} is {other}")
                if byte == 0x0A:
                    for more in (b"\r\n", b"\n\n", b"\n \n", b"\njunk\n", "\n\u2028".encode()):
                        refused(name, content[:at] + more + content[at + 1:], f"{more} at byte {at}")
            refused(name, content[:-1], "its end is cut off")
            (folder / name).write_bytes(content)
        rotation = (folder / "keys.txt").read_bytes().split(b"\n")
        proof = base64.b64decode(rotation[1].removeprefix(b"key "))
        for changed in (proof.replace(b"@v1", b"@v2", 1), b"\n" + proof, proof + b"\n", proof.replace(b"\n", b"\r\n", 1)):
            refused("keys.txt", b"\n".join([rotation[0], b"key " + base64.b64encode(changed), *rotation[2:]]), changed[:30])

    def test_an_entry_taken_out_with_its_hash_left_in_is_told(self):
        entries = journal.entries(self.site.journal)
        folder = self.export("--to", entries[-1]["time"])
        lines = (folder / "entries.jsonl").read_bytes().splitlines(keepends=True)
        path = (folder / "path.txt").read_bytes()
        described = json.loads((folder / "bundle.json").read_bytes())
        self.assertEqual((described["first"], described["gaps"], described["from"]), (0, [], None))
        self.assertEqual(described["to"], entries[-1]["time"])
        self.assertEqual(described["entries"], len(lines))
        gone = hashlib.sha256(b"\0" + lines[12].removesuffix(b"\n")).digest()
        (folder / "entries.jsonl").write_bytes(b"".join(lines[:12] + lines[13:]))
        (folder / "path.txt").write_bytes(base64.b64encode(gone) + b"\n" + path)
        done = self.verify(folder)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("bundle.json does not describe this bundle", done.stderr)
        # Whoever took it out can write bundle.json anew, but not the numbers.
        described.update(entries=len(lines) - 1, gaps=[[12, 12]],
                         entries_sha256=hashlib.sha256((folder / "entries.jsonl").read_bytes()).hexdigest())
        (folder / "bundle.json").write_text(json.dumps(described))
        done = self.verify(folder)
        self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
        self.assertIn("not here:  entries 12 to 12, AND NOTHING HERE SHOWS WHY\n", done.stdout)
        self.assertIn("may be missing", done.stdout)

    def test_no_entry_at_all_is_no_bundle(self):
        folder = self.export()
        described = json.loads((folder / "bundle.json").read_bytes())
        (folder / "entries.jsonl").write_bytes(b"")
        (folder / "path.txt").write_text(described["root"] + "\n")
        done = self.verify(folder)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn("there is no entry", done.stderr)

    def test_bodies_that_were_retired_are_told_and_are_no_gap(self):
        site = self.new_site()
        place = ["-c", site.config]
        passphrase = self.folder / "passphrase"
        passphrase.write_text("a passphrase of the tests\n")
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/old").status, 200)
            self.assertEqual(tallygate("audit", "seal", *place).returncode, 0)
            last = json.loads(tallygate("audit", "retire", *place, "--keep", "1s", "--json").stdout)["segments"][0]["last"]
            grant = self.folder / "retire.grant"
            done = tallygate("keys", "grant", "journal.retire", "first=0", f"last={last}", "--journal", site.journal, "--key",
                             site.root / "provisioning.key.pem", "--passphrase-file", passphrase, "-o", grant)
            self.assertEqual(done.returncode, 0, done.stderr)

            def retired():
                tallygate("audit", "retire", *place, "--keep", "1s", "--apply", "--grant", grant)
                return [entry["seq"] for entry in journal.entries(site.journal, last + 1)
                        if entry["kind"] == "journal.retire"]

            wait_until(retired, 20, "the segment is retired")
            for _ in range(3):
                self.assertEqual(self.ask(site, "GET", "/public/new").status, 200)
        entries = journal.entries(site.journal)
        (by,) = [entry["seq"] for entry in entries if entry["kind"] == "journal.retire"]
        sealed = next(entry for entry in entries if entry["kind"] == "journal.seal")
        for arguments in ([], ["--to", sealed["time"]]):  # the second time the retirement is not of that time
            folder = self.folder / "bundle-retired"
            shutil.rmtree(folder, ignore_errors=True)
            done = tallygate("audit", "export", "-o", folder, *place, *arguments)
            self.assertEqual(done.returncode, 0, done.stderr)
            done = subprocess.run([sys.executable, "verify.py", site.root_key], cwd=folder, capture_output=True, text=True,
                                  timeout=120, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertRegex(done.stdout, rf"not here:  entries \d+ to \d+, whose bodies were retired, as entry {by} says\n")

    def test_a_key_that_a_retirement_destroyed_is_under_no_entry(self):
        folder = self.export()
        verifier = load(folder / "verify.py")

        def check(*entries):
            prev, lines = "0" * 64, []
            for seq, (minute, members) in enumerate(entries):
                body = json.dumps({"prev": prev, "seq": seq, "time": f"2026-01-01T00:{minute:02}:00.000000000Z", **members},
                                  separators=(",", ":"), sort_keys=True)
                prev = hashlib.sha256(b"\0" + body.encode()).hexdigest()
                lines.append(body + "\n")
            (folder / "entries.jsonl").write_text("".join(lines))
            verifier.Entries().check_erased()

        def under(key, roles):
            return {"kind": "access.allow", "sealed": {"subject": key}, "decision": {"roles": roles}}

        nobody, known, other = under("a", ["anonymous"]), under("a", ["authenticated"]), under("b", ["anonymous"])
        retire = {"kind": "journal.retire", "first": 0, "last": 0, "erased": ["a"]}
        check((0, nobody), (1, retire))
        check((0, nobody), (1, under("b", ["authenticated"])), (2, retire), (11, nobody))
        check((0, nobody), (1, nobody), (2, {**retire, "first": 1, "last": 1, "erased": []}), (2, retire))
        for wrong in ([(0, nobody), (1, nobody), (2, retire)], [(0, known), (1, retire)], [(0, retire), (1, known)],
                      [(0, retire), (11, nobody)], [(0, nobody), (1, {**retire, "archive": {}})],
                      [(0, {**nobody, "kind": "session.start"}), (1, retire)],
                      # Before what was retired, retired only later, and retired into an archive, which keeps its keys.
                      [(0, nobody), (1, other), (2, {**retire, "first": 1, "last": 1})],
                      [(0, nobody), (1, other), (2, {**retire, "first": 1, "last": 1}), (3, {**retire, "erased": []})],
                      [(0, nobody), (1, other), (2, {**retire, "erased": [], "archive": {}}),
                       (3, {**retire, "first": 1, "last": 1})]):
            with self.assertRaises(verifier.Wrong):
                check(*wrong)

    def test_segments_that_are_retired_meanwhile_leave_no_question(self):
        site = self.new_site()
        place = ["-c", site.config]
        passphrase = self.folder / "passphrase"
        passphrase.write_text("a passphrase of the tests\n")
        with Gateway(site):
            for number in range(8):
                self.assertEqual(self.ask(site, "GET", f"/public/{number}").status, 200)
                self.assertEqual(tallygate("audit", "seal", *place).returncode, 0)
            grants = []
            for segment in json.loads(tallygate("audit", "retire", *place, "--keep", "1s", "--json").stdout)["segments"]:
                grants.append(self.folder / f"retire-{segment['first']}.grant")
                done = tallygate("keys", "grant", "journal.retire", f"first={segment['first']}", f"last={segment['last']}",
                                 "--journal", site.journal, "--key", site.root / "provisioning.key.pem", "--passphrase-file",
                                 passphrase, "-o", grants[-1])
                self.assertEqual(done.returncode, 0, done.stderr)

            def nothing_is_younger():
                told = json.loads(tallygate("audit", "retire", *place, "--keep", "1s", "--json").stdout)["segments"]
                return all("kept for" not in segment.get("why", "") for segment in told)

            wait_until(nothing_is_younger, 20, "all segments are a second old")

            def retire_all():
                for grant in grants:
                    tallygate("audit", "retire", *place, "--keep", "1s", "--apply", "--grant", grant)

            retiring = threading.Thread(target=retire_all)
            retiring.start()
            try:
                running = True
                while running:
                    running = retiring.is_alive()  # and once more when all are gone
                    folder = self.folder / "bundle-meanwhile"
                    shutil.rmtree(folder, ignore_errors=True)
                    done = tallygate("audit", "export", "-o", folder, *place)
                    self.assertEqual(done.returncode, 0, done.stderr)
                    done = self.verify(folder, site.root_key)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            finally:
                retiring.join()
        retired = [entry for entry in journal.entries(site.journal) if entry["kind"] == "journal.retire"]
        self.assertEqual(len(retired), len(grants))

    def test_what_is_killed_before_it_is_on_record_verifies_nothing(self):
        """The control socket is ours: whoever asks there for the entry is killed instead."""
        site = self.new_site()
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            control = site.head.parent / "head.control"
            control.rename(site.root / "away")
            folder = self.folder / "killed"
            partial = self.folder / "killed.partial"
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(control))
                listener.listen(1)
                listener.settimeout(60)
                export = subprocess.Popen([os.environ["TALLYGATE_BIN"], "audit", "export", "-o", folder, "-c", site.config],
                                          stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
                peer, _ = listener.accept()
                with peer:
                    self.assertIn(b"journal.export", peer.recv(65536))
                    export.kill()
                    export.wait(timeout=60)
            self.assertFalse(folder.exists())
            self.assertIn("entries.jsonl", [file.name for file in partial.iterdir()])
            done = self.verify(partial, site.root_key)
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            control.unlink()
            (site.root / "away").rename(control)
            done = tallygate("audit", "export", "-o", folder, "-c", site.config)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("an export that was broken off had left it; it was removed", done.stderr)
            self.assertEqual(self.verify(folder, site.root_key).returncode, 0)
            self.assertFalse(partial.exists())

    def test_a_folder_that_holds_anything_else_keeps_all_that_is_in_it(self):
        def listed(folder):
            return sorted((file.name, file.is_file() and file.read_text()) for file in folder.iterdir())

        partial = self.folder / "mine.partial"
        partial.mkdir()
        (partial / "README.md").write_text("notes of my own\n")
        (partial / "README.md.bak").write_text("and older ones\n")
        before = listed(partial)
        arguments = ["audit", "export", "-o", self.folder / "mine", "-c", self.site.config]
        done = tallygate(*arguments)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("it holds files that no export made", done.stderr)
        self.assertEqual(listed(partial), before)
        (partial / "README.md.bak").unlink()
        (partial / "keys.txt").mkdir()
        before = listed(partial)
        self.assertNotEqual(tallygate(*arguments).returncode, 0)
        self.assertEqual(listed(partial), before)
        (partial / "keys.txt").rmdir()
        done = tallygate(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertFalse(partial.exists())

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

    def test_a_bundle_is_for_its_owner_and_group(self):
        old = os.umask(0o022)
        self.addCleanup(os.umask, old)
        folder = self.export()
        modes = {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}
        self.assertEqual(set(modes.values()), {0o640}, modes)
        self.assertEqual(folder.stat().st_mode & 0o777, 0o750)
        self.assertEqual((self.site.journal / "index.db").stat().st_mode & 0o777, 0o640)

    def test_what_cannot_be_recorded_is_not_exported(self):
        site = self.new_site()
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            control = site.head.parent / "head.control"
            control.rename(site.root / "away")
            folder = self.folder / "unrecorded"
            done = tallygate("audit", "export", "-o", f"{folder}/", "-c", site.config)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn("could not be recorded, so nothing is exported", done.stderr)
            self.assertEqual(list(self.folder.glob("unrecorded*")), [])
            (site.root / "away").rename(control)
            done = tallygate("audit", "export", "-o", f"{folder}/", "-c", site.config)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(self.verify(folder, site.root_key).returncode, 0)
            self.assertEqual(list(self.folder.glob("unrecorded*")), [folder])

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
