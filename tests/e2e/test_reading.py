"""Whoever reads the journal leaves an entry, which names nobody that was looked for."""

import contextlib
import hashlib
import json
import os
import shutil
import signal
import sqlite3
import subprocess
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
        [(note, by)] = self.notes()
        self.assertEqual(note["filter"], {"effect": "allow", "kind": "access.allow"})
        self.assertEqual(note["sought"], ["user", "text"])
        self.assertEqual(by["uid"], os.getuid())
        self.assertNotIn("robot", json.dumps(note))

    def test_nobody_finds_the_own_reading(self):
        for _ in range(2):
            done = tallygate("audit", "query", "-c", self.site.config, "--kind", "journal.read", "--format", "json")
            self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(len(json.loads(done.stdout)), 1)

    def test_a_record_of_a_later_format_is_called_that_and_not_altered(self):
        for verb in (["upgrade"], ["index", "rebuild"]):
            done = tallygate("audit", *verb, "-c", self.site.config)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn("1 segment of format 1", done.stdout)
        for segment in self.site.journal.glob("[0-9]*.db"):
            with contextlib.closing(sqlite3.connect(segment)) as database, database:
                database.execute("UPDATE meta SET value = '2' WHERE key = 'format'")
        bundle = self.folder / "bundle-of-later"
        commands = [["query"], ["tail", "-n", "1"], ["show", "0"], ["stats"], ["upgrade"], ["export", "-o", bundle]]
        commands = [[*command, *place] for command in commands
                    for place in (["-c", self.site.config], ["--journal", self.site.journal])]
        commands.append(["verify", "--journal", self.site.journal, "--root", self.site.root_key])
        for command in commands:
            with self.subTest(command=command[:1] + command[-2:]):
                done = tallygate("audit", *command)
                self.assertEqual(done.returncode, 3, done.stdout + done.stderr)
                self.assertEqual(done.stdout, "")
                self.assertIn("a segment of format 2, and this version of tallygate knows 1: use a later version",
                              done.stderr)
        self.assertFalse(bundle.exists())

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

    def verify(self, *more):
        done = tallygate("audit", "verify", "-c", self.site.config, "--root", self.site.root_key, "--json", *more)
        self.assertIn("ok", json.loads(done.stdout), done.stderr)
        return done

    def crash(self):
        gateway = Gateway(self.site)
        self.assertEqual(self.ask(self.site, "GET", "/page").status, 401)
        gateway.kill()
        self.assertGreater((self.site.journal / "000000000000.db-wal").stat().st_size, 0)

    def files_of(self, folder):
        """All but what is derived: index.db, which a proof makes, and the memory that SQLite's readers share."""
        return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest()
                for file in folder.rglob("*")
                if file.is_file() and not file.name.endswith("-shm") and not file.name.startswith("index.db")}

    def verifications(self):
        return [entry for entry in journal.entries(self.site.journal) if entry["kind"] == "journal.verify"]

    def test_proofs_are_on_record_with_and_without_a_gateway(self):
        commands = (["prove", "0"], ["consistency", "--from", journal.size(self.site.journal)])
        for command in commands:
            with self.subTest(command=command):
                before = len(self.notes())
                done = tallygate("audit", *command, "-c", self.site.config)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertEqual(len(self.notes()), before + 1)
                self.assertEqual(self.notes()[-1][0]["command"], f"audit {command[0]}")
        with Gateway(self.site):
            before = len(self.notes())
            for command in commands:
                for place in (["-c", self.site.config], ["--journal", self.site.journal]):
                    self.assertEqual(tallygate("audit", *command, *place).returncode, 0)
            self.assertEqual(len(self.notes()), before + 4)
        self.assert_sound(self.site)

    def test_a_proof_that_cannot_be_recorded_is_not_made_and_of_a_copy_that_is_said(self):
        copy = self.folder / "copy-to-prove" / "journal"
        shutil.copytree(self.site.journal, copy)
        done = tallygate("audit", "prove", "0", "--journal", copy)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertRegex(done.stderr, r"\Atallygate: the reading is not on record: .*\n\Z")
        kek = self.site.head.parent / "kek"
        kek.rename(kek.with_suffix(".away"))
        done = tallygate("audit", "prove", "0", "-c", self.site.config)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")

    def test_what_is_only_named_by_its_folder_is_never_written_to(self):
        """A copy with its keys is a backup; what a crash left is evidence: an entry there would be a fork."""
        size = str(journal.size(self.site.journal))
        self.crash()
        for name in ("backup", "crashed"):
            copy = self.folder / name
            shutil.copytree(self.site.root, copy, ignore=shutil.ignore_patterns("*.control"))
            if name == "backup":
                with Gateway(self.site):
                    pass
                shutil.rmtree(copy)
                shutil.copytree(self.site.root, copy, ignore=shutil.ignore_patterns("*.control"))
                self.crash()
            before = self.files_of(copy)
            bundle = self.folder / f"bundle-of-{name}"
            for command in (["prove", "0"], ["prove", "999999"], ["consistency", "--from", size],
                            ["verify", "--root", self.site.root_key], ["query"], ["show", "0"], ["tail", "-n", "1"],
                            ["stats"], ["export", "-o", bundle]):
                with self.subTest(copy=name, command=command):
                    done = tallygate("audit", *command, "--journal", copy / "journal")
                    self.assertEqual(done.returncode, 1 if "999999" in command else 0, done.stderr)
                    self.assertRegex(done.stderr, r"not on record: .*nothing is written to a journal that --journal names")
                    self.assertEqual(self.files_of(copy), before)

    def backup(self, name):
        copy = self.folder / name
        shutil.copytree(self.site.root, copy, ignore=shutil.ignore_patterns("*.control"))
        return copy, copy / self.site.head.parent.relative_to(self.site.root)

    def test_persons_of_what_its_folder_names_are_read_on_record_or_not_at_all(self):
        self.site = self.new_site()
        del self.site.settings["audit"]["journal"]["seal"]
        self.site.write()
        with Gateway(self.site):
            self.assertEqual(self.ask(self.site, "GET", "/page", [self.site.bearer("robot")]).status, 200)
        backup, head = self.backup("backup-with-keys")
        self.crash()
        crashed, crashed_head = self.backup("crashed-with-keys")
        before = self.files_of(crashed)

        def commands(journal_folder, companions):
            keys = ["--keyring", companions / "keyring.db", "--kek", f"file:{companions / 'kek'}"]
            return ([["audit", "query", "--kind", "access.allow", "--format", "json", "--journal", journal_folder, *keys],
                     ["audit", "decisions", "--json", "--journal", journal_folder]])

        for command in commands(backup / "journal", head):
            with self.subTest(command=command[1]):
                done = tallygate(*command)
                self.assertEqual((done.returncode, done.stderr), (0, ""))
                self.assertIn("robot" if command[1] == "query" else '"computed":1', done.stdout)
                noted = [entry.get("command") for entry in journal.entries(backup / "journal")][-1]
                self.assertEqual(noted, f"audit {command[1]}", "whose seals were opened, the record says")
        for command in commands(crashed / "journal", crashed_head):
            with self.subTest(command=command[1], crashed=True):
                done = tallygate(*command)
                self.assertNotIn("robot", done.stdout)
                self.assertIn("not on record, so no sealed person is read: no gateway runs, and the journal was not closed",
                              done.stderr)
                self.assertEqual(self.files_of(crashed), before)

    def test_a_gateway_whose_head_lies_elsewhere_is_not_taken_for_a_crash(self):
        elsewhere = self.folder / "no-head"
        with Gateway(self.site):
            done = tallygate("audit", "prove", "0", "--journal", self.site.journal, "--head", elsewhere)
            self.assertEqual(done.returncode, 0, done.stderr)
            head = self.site.head.parent
            done = tallygate("audit", "decisions", "--journal", self.site.journal, "--head", elsewhere, "--keyring",
                             head / "keyring.db", "--kek", f"file:{head / 'kek'}")
            self.assertIn("writes this journal already", done.stderr)
            self.assertNotIn("not closed", done.stderr)

    def test_a_proof_of_what_a_crash_left_waits_for_the_next_start(self):
        self.crash()
        before = self.files_of(self.site.root)
        for command in (["prove", "0"], ["consistency", "--from", str(journal.size(self.site.journal))]):
            done = tallygate("audit", *command, "-c", self.site.config)
            self.assertEqual((done.returncode, done.stdout), (3, ""))
            self.assertIn("nothing is read: no gateway runs, and the journal was not closed", done.stderr)
        self.assertEqual(self.files_of(self.site.root), before)

    def test_a_proof_of_an_altered_record_leaves_no_entry(self):
        seq = self.alter()
        kept = [self.site.journal / "000000000000.db", self.site.head, self.site.head.parent / "keyring.db"]
        before = [file.read_bytes() for file in kept]
        for command in (["prove", seq], ["prove", "0"], ["consistency", "--from", str(journal.size(self.site.journal))]):
            done = tallygate("audit", *command, "-c", self.site.config)
            self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertTrue([file.read_bytes() for file in kept] == before)

    def alter(self):
        with contextlib.closing(sqlite3.connect(self.site.journal / "000000000000.db")) as db:
            triggers = db.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
            for name, _ in triggers:
                db.execute(f"DROP TRIGGER {name}")
            seq, body = db.execute("SELECT seq, body FROM entry WHERE seq = 3").fetchone()
            db.execute("UPDATE entry SET body = ? WHERE seq = ?", (body.replace(b'"e2e"', b'"e3e"'), seq))
            for _, sql in triggers:
                db.execute(sql)
            db.commit()
        return str(seq)

    def test_a_verification_is_on_record_with_what_it_found(self):
        entries = journal.size(self.site.journal)
        self.assertEqual(self.verify().stderr, "")
        [entry] = self.verifications()
        self.assertEqual((entry["ok"], entry["entries"], entry["findings"], entry["size"]), (True, entries, 0, entries))
        with Gateway(self.site):
            done = tallygate("audit", "verify", "-c", self.site.config, "--root", self.site.root_key, "--max-age", "1h")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("anchor    head of size", done.stdout)
            self.assertEqual(len(self.verifications()), 2)
        self.assert_sound(self.site)

    def test_a_verification_gives_its_verdict_before_a_writer_that_hangs_is_asked(self):
        with Gateway(self.site) as gateway:
            gateway.process.send_signal(signal.SIGSTOP)
            try:
                command = [os.environ["TALLYGATE_BIN"], "audit", "verify", "-c", self.site.config, "--root", self.site.root_key]
                with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as verify:
                    lines = []
                    for line in verify.stdout:
                        lines.append(line)
                        if line == "The record is whole.\n":
                            self.assertIsNone(verify.poll(), "it asks for the entry, when all is said")
                            break
                    _, errors = verify.communicate(timeout=60)
                self.assertEqual(lines[-1], "The record is whole.\n")
                self.assertEqual(verify.returncode, 0)
                self.assertIn("not on record", errors)
                self.assertIn("gave no answer within 5 s", errors)
            finally:
                gateway.process.send_signal(signal.SIGCONT)

    def test_a_verification_writes_nothing_to_what_it_should_not_change_and_says_so(self):
        said = r"\Atallygate: this verification is not on record: .*{}.*\n\Z"
        before = journal.size(self.site.journal)
        self.assertRegex(self.verify("--max-age", "1h").stderr, said.format("an entry would hide"))
        self.crash()
        crashed = journal.size(self.site.journal)
        self.assertGreater(crashed, before)
        done = self.verify()
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stderr, said.format("the journal was not closed"))
        self.assertEqual(journal.size(self.site.journal), crashed)
        with Gateway(self.site):
            pass
        self.site.head.unlink()
        done = self.verify()
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, said.format("a record with findings"))
        self.assertFalse(self.site.head.exists())
        copy = self.folder / "copy-to-verify" / "journal"
        shutil.copytree(self.site.journal, copy)
        files = sorted(file.name for file in copy.iterdir())
        done = tallygate("audit", "verify", "--journal", copy, "--root", self.site.root_key)
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertRegex(done.stderr, said.format("nothing is written to a journal that --journal names"))
        self.assertEqual(sorted(file.name for file in copy.iterdir()), files)


if __name__ == "__main__":
    unittest.main()
