"""The base of tests about journals that lost something, and about what commands then say."""

import os
import re
import shlex
import shutil
import sqlite3
from types import SimpleNamespace

from .case import SiteCase
from .site import Gateway, tallygate

PASSPHRASE = "a passphrase of the tests"
WITH_PASSPHRASE = {**os.environ, "TALLYGATE_PASSPHRASE": PASSPHRASE}


def blocks(head):
    """The checkpoint notes in a head file, the larger one first."""
    data = head.read_bytes()
    notes = [block.rstrip(b"\0") for block in (data[:4096], data[4096:]) if block.strip(b"\0")]
    return sorted(notes, key=lambda note: int(note.split(b"\n")[1]), reverse=True)


class LossCase(SiteCase):
    """Each test has a copy of the same gateway's folder: two rotations, two sealed segments, and an open one."""

    copies = 0

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.base = cls.new_site()
        with Gateway(cls.base):
            for _ in range(2):
                cls.done("keys", "rotate", "-c", cls.base.config)
                cls.done("audit", "seal", "-c", cls.base.config)
            cls.done("audit", "hold", "add", "some", "--first", 0, "--last", 1, "-c", cls.base.config)

    @staticmethod
    def done(*arguments, **options):
        finished = tallygate(*arguments, **options)
        if finished.returncode != 0:
            raise AssertionError(f"{arguments}: exit {finished.returncode}: {finished.stdout} {finished.stderr}")
        return finished.stdout

    def copy(self, of=None):
        root = self.folder / f"copy{LossCase.copies}"
        LossCase.copies += 1
        shutil.copytree(of.root if of else self.base.root, root)
        return SimpleNamespace(root=root, journal=root / "journal", head=root / "head" / "head",
                               keyring=root / "head" / "keyring.db", kek=root / "head" / "kek",
                               config=str(root / "gateway.yaml"), root_key=root / "provisioning.pub.pem",
                               key=root / "provisioning.key.pem")

    def grow(self, site, *acts):
        """A few entries more; each act is one."""
        for number in range(3):
            self.done("audit", "hold", "add", f"more-{number}", "--first", 0, "--last", 1, "-c", site.config)

    def segments(self, site):
        return sorted(site.journal.glob("[0-9]*.db"))

    def ask_recover(self, site, *more):
        return tallygate("audit", "recover", "-c", site.config, *more)

    def follow(self, site, said):
        """Runs every command that was said, word for word but for the provisioning key's name."""
        commands = re.findall(r"^  (tallygate (?:keys grant|audit recover) .*)$", said, re.MULTILINE)
        self.assertTrue(commands, said)
        last = None
        for command in commands:
            words = [str(site.key) if word == "ROOT.pem" else word for word in shlex.split(command)[1:]]
            last = tallygate(*words, cwd=site.root, env=WITH_PASSPHRASE)
            self.assertEqual(last.returncode, 0, f"{command}: {last.stdout} {last.stderr}")
        return last

    def verify(self, site, *more):
        return tallygate("audit", "verify", "--journal", site.journal, "--root", site.root_key, "--head", site.head, *more)

    def assert_whole(self, site, *more):
        done = self.verify(site, *more)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def edit(self, file, *statements):
        connection = sqlite3.connect(file)
        triggers = connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").fetchall()
        for name, _ in triggers:
            connection.execute(f"DROP TRIGGER {name}")
        for statement in statements:
            connection.execute(statement)
        for _, sql in triggers:
            connection.execute(sql)
        connection.commit()
        connection.close()

    def cut(self, site, size):
        """Takes what an attacker without keys can take: entries and checkpoints beyond a size."""
        self.edit(self.segments(site)[-1], f"DELETE FROM entry WHERE seq >= {size}",
                  f"DELETE FROM checkpoint WHERE size > {size}")

    def lost_newest(self):
        """A journal as it was before its newest entries, with the head that acknowledged them."""
        older = self.copy()
        newer = self.copy()
        self.grow(newer)
        shutil.copy(newer.head, older.head)
        return older
