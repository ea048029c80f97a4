"""Acts on a journal while a gateway writes it: new keys, sealed segments, holds; and going on after a loss."""

import base64
import contextlib
import hashlib
import json
import os
import re
import shlex
import shutil
import socket
import sqlite3
import threading
import unittest

from support import journal
from support.case import SiteCase
from support.load import Load
from support.site import Gateway, tallygate
from support.upstreams import wait_until

SEED = int(os.environ.get("TALLYGATE_E2E_SEED", "20261125"))


class Custody(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.passphrase = cls.folder / "passphrase"
        cls.passphrase.write_text("a passphrase of the tests\n")

    @staticmethod
    def private_key(site):
        return site.root / "provisioning.key.pem"

    def run_ok(self, *arguments):
        done = tallygate(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def place(self, site):
        return ["-c", site.config]

    def grant(self, site, name, kind, *parameters):
        file = self.folder / name
        file.unlink(missing_ok=True)
        self.run_ok("keys", "grant", kind, *parameters, "--journal", site.journal, "--key", self.private_key(site),
                    "--passphrase-file", self.passphrase, "-o", file)
        return file

    def follow(self, site, said):
        """Runs each command that is named, word for word but for the provisioning key. What the last one said."""
        done = None
        for command in re.findall(r"^  (tallygate .*)$", said, re.MULTILINE):
            words = [self.private_key(site) if word == "PROVISIONING.key.pem" else word for word in shlex.split(command)[1:]]
            secret = ["--passphrase-file", self.passphrase] if words[:2] == ["keys", "grant"] else []
            done = tallygate(*words, *secret, cwd=site.root)
            self.assertEqual(done.returncode, 0, f"{command}: {done.stderr}")
        self.assertIsNotNone(done, said)
        return done.stdout

    def kinds(self, site):
        return [entry["kind"] for entry in journal.entries(site.journal)]

    def test_keys_and_segments_change_by_hand_under_load_and_nothing_is_lost(self):
        site = self.new_site()

        def plan(_):
            return "GET", "/public/x", [], None, None

        with Gateway(site):
            load = Load(self.pki, site.port, plan, threads=4, seed=SEED).start()
            try:
                for _ in range(5):
                    before = len(load.done)
                    rotated = json.loads(self.run_ok("keys", "rotate", *self.place(site), "--json"))
                    self.assertIn("+", rotated["key"])
                    sealed = json.loads(self.run_ok("audit", "seal", *self.place(site), "--json"))
                    self.assertTrue(sealed["sealed"])
                    self.assertTrue(load.wait_for(before + 20))
            finally:
                load.stop()
            self.assertEqual(load.errors, [])
            self.assertEqual({one.status for one in load.done}, {200})
        kinds = self.kinds(site)
        self.assertEqual(kinds.count("key.rotate"), 5)
        self.assertEqual(kinds.count("journal.seal"), 5)
        self.assertEqual(kinds.count("access.allow"), len(load.done))
        keys = json.loads(self.run_ok("keys", "list", "--journal", site.journal, "--json"))["keys"]
        self.assertEqual(len(keys), 7)
        self.assert_sound(site)

    def test_a_hold_is_put_by_anybody_and_taken_away_by_a_grant_that_is_used_once(self):
        site = self.new_site()
        with Gateway(site):
            self.run_ok("audit", "hold", "add", "case-17", "--first", 0, "--last", 99, "--reason", "a request of the court",
                        *self.place(site))
            again = tallygate("audit", "hold", "add", "case-17", "--first", 0, "--last", 9, *self.place(site))
            self.assertEqual(again.returncode, 1)
            listed = json.loads(self.run_ok("audit", "hold", "list", *self.place(site), "--json"))["holds"]
            self.assertEqual([(one["hold"], one["last"]) for one in listed], [("case-17", 99)])
            asked = tallygate("audit", "hold", "release", "case-17", *self.place(site))
            self.assertEqual(asked.returncode, 1)
            command = re.search(r"^  tallygate (keys grant journal.release hold=case-17 --id \S+) --key \S+ -o \S+$",
                                asked.stderr, re.MULTILINE)
            self.assertTrue(command, asked.stderr)
            unknown = tallygate("audit", "hold", "release", "case-1", *self.place(site))
            self.assertEqual(unknown.returncode, 1)
            self.assertIn("there is no hold named case-1", unknown.stderr)
            wrong = self.grant(site, "wrong.grant", "journal.release", "hold=case-18")
            refused = tallygate("audit", "hold", "release", "case-17", "--grant", wrong, *self.place(site))
            self.assertEqual(refused.returncode, 1)
            self.assertIn("not the one that was granted", refused.stderr)
            good = self.grant(site, "good.grant", "journal.release", "hold=case-17")
            self.run_ok("audit", "hold", "release", "case-17", "--grant", good, *self.place(site))
            self.run_ok("audit", "hold", "add", "case-17", "--first", 0, "--last", 9, *self.place(site))
            reused = tallygate("audit", "hold", "release", "case-17", "--grant", good, *self.place(site))
            self.assertEqual(reused.returncode, 1)
            self.assertIn("used before", reused.stderr)
        # The same without a gateway.
        self.run_ok("audit", "hold", "add", "case-20", "--first", 5, "--last", 6, *self.place(site))
        self.assertIn("journal.release", self.kinds(site))
        self.assert_sound(site)

    def test_a_revoked_key_is_replaced_first(self):
        site = self.new_site()
        with Gateway(site):
            key = json.loads(self.run_ok("keys", "list", "--journal", site.journal, "--json"))["keys"][-1]["vkey"]
            size = len(self.kinds(site))
            grant = self.grant(site, "revoke.grant", "key.revoke", f"key={key}", f"size={size}")
            refused = tallygate("keys", "revoke", key, "--size", size, "--grant", grant, *self.place(site))
            self.assertEqual(refused.returncode, 1)
            self.assertIn("tallygate keys rotate --prepare", refused.stderr)
            prepared = self.run_ok("keys", "rotate", "--prepare", *self.place(site))
            words = re.search(r"^\s+tallygate (keys grant .*)$", prepared, re.MULTILINE)[1].split()
            following = self.folder / "next.grant"
            words[words.index("-o") + 1] = following
            words[words.index("--key") + 1] = self.private_key(site)
            self.run_ok(*words, "--passphrase-file", self.passphrase)
            self.run_ok("keys", "revoke", key, "--size", size, "--grant", grant, "--next", following,
                        *self.place(site))
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            self.run_ok("keys", "rotate", *self.place(site))
        self.assertEqual(self.kinds(site)[size:size + 2], ["key.rotate", "key.revoke"])
        self.assert_sound(site)
        proof = self.folder / "after.proof"
        for seq in (size - 1, size + 1, len(self.kinds(site)) - 1):
            proof.unlink(missing_ok=True)
            self.run_ok("audit", "prove", seq, "--journal", site.journal, "-o", proof)
            self.run_ok("audit", "verify-proof", proof, "--root", site.root_key)

    def test_what_retirement_would_do_is_looked_at_and_what_it_did_is_said(self):
        site = self.new_site()
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            self.run_ok("audit", "seal", *self.place(site))
        before = site.head.read_bytes()
        wait_until(lambda: "stays: the charter promises" in self.run_ok("audit", "retire", "--keep", "1s", *self.place(site)))
        self.assertEqual(site.head.read_bytes(), before, "nothing was recorded")
        segment = json.loads(self.run_ok("audit", "retire", "--keep", "1s", "--json", *self.place(site)))["segments"][0]
        grant = self.grant(site, "retire.grant", "journal.retire", f"first={segment['first']}", f"last={segment['last']}")
        retire = ["audit", "retire", "--keep", "1s", "--apply", "--grant", grant, *self.place(site)]
        refused = tallygate(*retire, "--archive", self.folder / "nowhere")
        self.assertEqual(refused.returncode, 3)
        self.assertIn(f"{self.folder / 'nowhere'}: the folder for the archive is not there", refused.stderr)
        self.assertIn("retired", self.run_ok(*retire))
        decided = next(seq for seq in range(1, segment["last"]) if self.retired(site, seq))
        proof = tallygate("audit", "prove", decided, "--journal", site.journal, "-o", self.folder / "gone.proof")
        self.assertEqual(proof.returncode, 3)
        self.assertIn(f"entry {decided}: its body was retired", proof.stderr)
        held = self.run_ok("audit", "hold", "add", "case-1", "--first", 0, "--last", 9, *self.place(site))
        self.assertRegex(held, r"but the bodies of entries 0 to \d+ were retired before")
        self.assert_verifies(site)

    def test_what_lacks_a_grant_is_told_with_the_commands_that_do_it(self):
        site = self.new_site()
        with Gateway(site):
            self.run_ok("audit", "hold", "add", "case-17", "--first", 9000, "--last", 9001, *self.place(site))
            asked = tallygate("audit", "hold", "release", "case-17", *self.place(site))
            self.assertEqual(asked.returncode, 1)
            self.assertIn("hold case-17 is released", self.follow(site, asked.stderr))
            self.run_ok("audit", "seal", *self.place(site))
            retire = ["audit", "retire", "--keep", "0s", *self.place(site)]
            size = len(self.kinds(site))
            asked = tallygate(*retire, "--apply")
            self.assertEqual(asked.returncode, 1, asked.stdout + asked.stderr)
            self.assertIn("stays: the charter promises to keep it longer", asked.stdout)
            self.assertEqual(len(self.kinds(site)), size)
            self.assertRegex(asked.stderr, r"tallygate keys grant journal.retire first=0 last=\d+ --id [0-9a-f-]{36} --key ")
            self.assertEqual(tallygate(*retire).returncode, 0, "to look is no act")
            wrong = self.grant(site, "other.grant", "journal.retire", "first=0", "last=1")
            refused = tallygate(*retire, "--apply", "--grant", wrong)
            self.assertEqual(refused.returncode, 1, refused.stdout + refused.stderr)
            self.assertIn("last differs", refused.stdout)
            self.assertIn(": retired", self.follow(site, asked.stderr))
        self.assert_verifies(site)

    def test_a_gateway_says_in_its_log_what_only_lacks_a_grant_and_no_fault(self):
        site = self.new_site()
        site.settings["audit"]["journal"]["keep"] = "1s"
        site.write()
        with Gateway(site):
            self.run_ok("audit", "seal", *self.place(site))
        wait_until(lambda: "stays: the charter promises" in self.run_ok("audit", "retire", *self.place(site)))
        with Gateway(site) as gateway:
            wait_until(lambda: "lack a grant, which tallygate audit retire names: 000000000000.db" in gateway.log_tail())
            self.assertNotIn("cannot be retired", gateway.log_tail())

    def test_what_is_prepared_takes_over_by_the_commands_that_are_told(self):
        site = self.new_site()
        place = ["--journal", site.journal, "--head", site.head, "--keyring", site.head.parent / "keyring.db"]
        told = self.run_ok("keys", "rotate", "--prepare", *place).replace("PROVISIONING_KEY", "PROVISIONING.key.pem")
        self.assertIn("a new signing key is in force", self.follow(site, told))
        for act in (["keys", "rotate"], ["keys", "rotate"], ["audit", "hold", "add", "case-1", "--first", 0, "--last", 1]):
            self.run_ok(*act, *self.place(site))
        keys = [key for key in json.loads(self.run_ok("keys", "list", "--journal", site.journal, "--json"))["keys"]
                if key["role"] == "signing"]
        # Each entry is one key's, and that key signed the first checkpoint that covers it.
        self.assertEqual([key["since"] for key in keys], [0] + [key["until"] + 1 for key in keys[:-1]])
        for key in keys:
            for seq in (key["since"], key.get("until", len(self.kinds(site)) - 1)):
                self.assertIn(key["vkey"].split("+")[1], self.signers(site, seq), key)
        granted = next(entry["seq"] for entry in journal.entries(site.journal) if "grant" in entry)
        self.assertEqual(keys[1]["since"], granted)
        listed = self.run_ok("keys", "list", *self.place(site))
        self.assertIn(f"entries 0 to {granted - 1}\n", listed)
        self.assertIn(f"entries {granted} to ", listed)

    def signers(self, site, seq):
        """Ids of the keys that signed the first checkpoint over that entry."""
        for segment in sorted(site.journal.glob("[0-9]*.db")):
            with contextlib.closing(sqlite3.connect(f"file:{segment}?mode=ro", uri=True)) as database:
                row = database.execute("SELECT note FROM checkpoint WHERE size > ? ORDER BY size LIMIT 1", (seq,)).fetchone()
            if row:
                lines = row[0].decode().split("\n\n")[1].splitlines()
                return [base64.b64decode(line.split(" ")[2])[:4].hex() for line in lines]
        return []

    def retired(self, site, seq):
        shown = tallygate("audit", "show", seq, "--journal", site.journal)
        return "was retired" in shown.stderr

    def assert_verifies(self, site):
        self.run_ok("audit", "verify", "--journal", site.journal, "--root", site.root_key, "--head", site.head)

    def lose_the_newest(self, site, rotate):
        """The journal's folder as it was before the newest entries; keyring and head as they are now."""
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(site.journal, copy)
        with Gateway(site):
            if rotate:
                self.run_ok("keys", "rotate", *self.place(site))
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        shutil.rmtree(site.journal)
        shutil.copytree(copy, site.journal)

    def recover(self, site):
        """Does what the refusal says."""
        refused = tallygate("audit", "recover", *self.place(site))
        self.assertNotEqual(refused.returncode, 0)
        commands = re.findall(r"^\s+tallygate (keys grant .*)$", refused.stderr, re.MULTILINE)
        self.assertTrue(commands, refused.stderr)
        grants = []
        for command in commands:
            words = command.split()
            file = self.folder / words[words.index("-o") + 1]
            file.unlink(missing_ok=True)
            words[words.index("-o") + 1] = file
            words[words.index("--key") + 1] = self.private_key(site)
            self.run_ok(*words, "--passphrase-file", self.passphrase)
            grants += ["--grant", file]
        self.run_ok("audit", "recover", *grants, *self.place(site))
        return refused.stderr

    def test_a_journal_that_lost_its_newest_entries_goes_on_by_a_grant_and_on_record(self):
        site = self.new_site()
        self.lose_the_newest(site, rotate=False)
        anchors = self.folder / "anchors"
        anchors.mkdir()
        blocks = [block.rstrip(b"\0") for block in (site.head.read_bytes()[:4096], site.head.read_bytes()[4096:])]
        newest = max(blocks, key=lambda block: int(block.split(b"\n")[1]) if block else 0)
        (anchors / "elsewhere").write_bytes(newest)
        said = self.recover(site)
        self.assertIn("are missing", said)
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        recovered = [entry for entry in journal.entries(site.journal) if entry["kind"] == "journal.recover"]
        self.assertGreater(recovered[-1]["abandoned"]["size"], 0)
        self.assert_sound(site)
        verify = ["audit", "verify", "--journal", site.journal, "--root", site.root_key, "--anchors", anchors, "--json"]
        report = json.loads(self.run_ok(*verify))
        self.assertTrue(report["anchors"][0]["agrees"], "an anchor may still speak of what was given up")
        other = self.new_site()
        with Gateway(other):
            pass
        (anchors / "elsewhere").write_bytes(other.head.read_bytes()[:4096].rstrip(b"\0"))
        self.assertEqual(tallygate(*verify).returncode, 1)

    def test_it_goes_on_too_where_the_key_of_the_lost_entries_is_the_only_one_left(self):
        site = self.new_site()
        self.lose_the_newest(site, rotate=True)
        self.recover(site)
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        self.assert_sound(site)

    def test_a_lost_head_is_adopted_by_a_grant(self):
        site = self.new_site()
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        os.unlink(site.head)
        self.recover(site)
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        self.assert_sound(site)

    def test_a_hold_outlives_that_its_segment_is_moved_away(self):
        site = self.new_site()
        with Gateway(site):
            self.run_ok("audit", "seal", *self.place(site))
            self.run_ok("audit", "hold", "add", "case-17", "--first", 0, "--last", 99, *self.place(site))
            self.run_ok("audit", "seal", *self.place(site))
            held = sorted(site.journal.glob("*.db"))[1]
            aside = self.folder / "held.db"
            held.rename(aside)
            for act in (["hold", "list"], ["retire", "--keep", "0s", "--apply"]):
                refused = tallygate("audit", *act, *self.place(site))
                self.assertNotEqual(refused.returncode, 0, refused.stdout)
                self.assertIn(f"{held.name} is not there", refused.stderr)
        with Gateway(site, wait_ready=False) as gateway:
            wait_until(lambda: gateway.admin("/readyz")[0] == 503, what="it is not ready")
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 503)
            self.assertIn(f"{held.name} is not there", gateway.admin("/readyz")[1] + gateway.log_tail())
            aside.rename(held)
            wait_until(gateway.ready, what="the gateway takes the journal up once the segment is back")
            self.assertIn("case-17: entries 0 to 99", self.run_ok("audit", "hold", "list", *self.place(site)))
        bytes_before = held.read_bytes()
        held.chmod(0o640)
        held.write_bytes(bytes_before.replace(b"journal.hold", b"journal.read"))
        changed = tallygate("audit", "hold", "list", *self.place(site))
        self.assertNotEqual(changed.returncode, 0, changed.stdout)
        # It names the file, the hash of the copy that is to be put back, and the next command.
        self.assertIn(f"{held}: it is neither", changed.stderr)
        self.assertIn(hashlib.sha256(bytes_before).hexdigest(), changed.stderr)
        command = re.search(r"tallygate (audit verify --journal \S+ --root) ROOT.pub.pem$", changed.stderr, re.MULTILINE)
        found = tallygate(*command[1].split(), site.root_key)
        self.assertEqual(found.returncode, 1, found.stderr)
        self.assertIn(held.name, found.stdout)
        held.write_bytes(bytes_before)
        self.assert_sound(site)

    def test_a_retirement_asks_the_gateway_for_one_segment_at_a_time(self):
        site = self.new_site()
        asked = []

        def answer(door):
            for _ in range(3):
                peer, _ = door.accept()
                with peer, peer.makefile("rw") as lines:
                    request = json.loads(lines.readline())
                    asked.append((request.get("at_most"), request.get("from", 0)))
                    first = request.get("from", 0)
                    segment = {"file": f"{first:012}.db", "first": first, "last": first + 9, "due": True, "retired": True}
                    more = {"next": first + 10} if first < 20 else {}
                    lines.write(json.dumps({"ok": {"applied": True, "segments": [segment], **more}}) + "\n")
                    lines.flush()

        # A path of any length, as the gateway does it.
        folder = os.open(site.head.parent, os.O_PATH | os.O_DIRECTORY)
        self.addCleanup(os.close, folder)
        with socket.socket(socket.AF_UNIX) as door:
            door.bind(f"/proc/self/fd/{folder}/{site.head.name}.control")
            door.listen()
            thread = threading.Thread(target=answer, args=(door,), daemon=True)
            thread.start()
            said = json.loads(self.run_ok("audit", "retire", "--keep", "1s", "--apply", "--json", *self.place(site)))
            thread.join()
        self.assertEqual(asked, [(1, 0), (1, 10), (1, 20)])
        self.assertEqual([one["first"] for one in said["segments"]], [0, 10, 20])

    def test_only_the_same_user_and_root_reach_a_journal_in_use(self):
        site = self.new_site()
        with Gateway(site):
            mode = os.stat(site.head.parent / "head.control").st_mode & 0o777
        self.assertEqual(mode, 0o600)
        self.assertFalse((site.head.parent / "head.control").exists())


if __name__ == "__main__":
    unittest.main()
