#!/usr/bin/env python3
"""Makes a journal in which everything happens that may happen to one: `journal-1-life` of this folder.

    TALLYGATE_BIN=… PLUGIN_DIR=… SOURCE_DIR=… python3 tests/vectors/make_life.py FOLDER

Its keys are thrown away, so each run makes another journal. One that is stored stays as it is: a later version must
read what an earlier one wrote. README.md says what is in it.
"""

import hashlib
import json
import re
import shutil
import sqlite3
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "e2e"))

from support import journal
from support.site import Gateway, tallygate
from support.upstreams import wait_until
from test_writers import Writers


def leaf_hashes(folder):
    """Of every entry, in order: computed where the body is there, and as a stub keeps it where it is not."""
    leaves = {}
    for segment in sorted(folder.glob("[0-9]*.db")):
        database = sqlite3.connect(f"file:{segment}?immutable=1", uri=True)
        leaves.update(database.execute("SELECT seq, hash FROM leaf"))
        leaves.update((seq, hashlib.sha256(b"\0" + body).digest())
                      for seq, body in database.execute("SELECT seq, body FROM entry"))
        database.close()
    assert sorted(leaves) == list(range(len(leaves)))
    return [leaves[seq] for seq in sorted(leaves)]


def tree_root(leaves):
    """RFC 6962 §2.1."""
    if len(leaves) == 1:
        return leaves[0]
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return hashlib.sha256(b"\1" + tree_root(leaves[:left]) + tree_root(leaves[left:])).digest()


class Life(Writers):
    """The helpers of the tests of writers, and one life instead of tests."""

    def runTest(self):
        """Nothing: live() is called by hand."""

    def granted(self, site, *command):
        """Has an act refused, does what the refusal or the dry run says, and has it done."""
        asked = tallygate(*command, "-c", site.config)
        self.run_ok(*command, "--grant", self.grant(site, asked.stderr + asked.stdout), "-c", site.config)

    def grant_of(self, site, kind, *parameters):
        file = self.folder / f"{kind}.grant"
        self.run_ok("keys", "grant", kind, *parameters, "--journal", site.journal, "--key",
                    site.root / "provisioning.key.pem", "--passphrase-file", self.passphrase, "-o", file)
        return file

    def visit(self, site):
        for name in ("robot", "ci"):
            assert self.ask(site, "GET", "/page", [site.bearer(name)]).status == 200
        assert self.ask(site, "GET", "/public/x").status == 200
        assert self.ask(site, "GET", "/admin/x", [site.bearer("robot")]).status == 403

    def retire_the_first_segment(self, site):
        place = ["-c", site.config]
        last = json.loads(self.run_ok("audit", "retire", *place, "--keep", "1s", "--json"))["segments"][0]["last"]
        grant = self.grant_of(site, "journal.retire", "first=0", f"last={last}")

        def retired():
            tallygate("audit", "retire", *place, "--keep", "1s", "--apply", "--grant", grant)
            return any(entry["kind"] == "journal.retire" for entry in journal.entries(site.journal, last + 1))

        wait_until(retired, 20, "the first segment is retired")

    def recover(self, site):
        refused = tallygate("audit", "recover", "-c", site.config)
        grants = []
        for number, command in enumerate(re.findall(r"^\s+tallygate (keys grant .*)$", refused.stderr, re.MULTILINE)):
            words = command.split()
            words[words.index("-o") + 1] = self.folder / f"recover{number}.grant"
            words[words.index("--key") + 1] = site.root / "provisioning.key.pem"
            self.run_ok(*words, "--passphrase-file", self.passphrase)
            grants += ["--grant", self.folder / f"recover{number}.grant"]
        self.run_ok("audit", "recover", *grants, "-c", site.config)

    def live(self):
        site = self.new_site()
        del site.settings["audit"]["journal"]["seal"]  # people are sealed
        site.write()
        place = ["-c", site.config]
        with Gateway(site):
            self.visit(site)
            self.run_ok("keys", "rotate", *place)
            self.visit(site)
            self.run_ok("audit", "seal", *place)
            self.run_ok("audit", "hold", "add", "case-1", "--first", 0, "--last", 9, "--reason", "an inquiry", *place)
            release = self.grant_of(site, "journal.release", "hold=case-1")
            self.run_ok("audit", "hold", "release", "case-1", "--grant", release, *place)
            writer = self.enrol(site, "vault")
            status, answer, _ = writer.settled("k-1", b'{"record": {"type": "login"}, "source": "vault-1"}')
            assert status == 201, answer
            assert writer.post("k-2", b'{"record": "forged"}', signature="AAAA")[0] == 401
            self.revoke(site, "vault")
            self.granted(site, "audit", "erase", "robot")
            self.visit(site)
            self.run_ok("audit", "seal", *place)
            self.retire_the_first_segment(site)
            key = json.loads(self.run_ok("keys", "list", "--journal", site.journal, "--json"))["keys"][-1]["vkey"]
            self.run_ok("keys", "rotate", *place)
            size = journal.size(site.journal) + 1  # the signature by which it handed over still counts
            revoke = self.grant_of(site, "key.revoke", f"key={key}", f"size={size}")
            self.run_ok("keys", "revoke", key, "--size", size, "--grant", revoke, *place)
        copy = self.folder / "copy"
        shutil.copytree(site.journal, copy)
        with Gateway(site):
            self.visit(site)
        shutil.rmtree(site.journal)
        shutil.copytree(copy, site.journal)
        self.recover(site)
        with Gateway(site):
            self.visit(site)
            self.run_ok("audit", "hold", "add", "case-2", "--first", 0, "--last", 9, *place)
        return site


def keep(site, to):
    (to / "journal").mkdir(parents=True)
    for file in site.journal.glob("[0-9]*.db"):
        shutil.copy(file, to / "journal")
        (to / "journal" / file.name).chmod(0o644)
    shutil.copy(site.head, to / "head")
    (to / "head").chmod(0o644)
    shutil.copy(site.root_key, to / "root.pem")
    leaves = leaf_hashes(to / "journal")
    (to / "root-hash.txt").write_text(tree_root(leaves).hex() + "\n")
    kinds = sorted({entry["kind"] for entry in journal.entries(site.journal)})
    print(f"{len(leaves)} entries; kinds whose bodies are there: {' '.join(kinds)}")


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    Life.setUpClass()
    try:
        keep(Life().live(), Path(sys.argv[1]))
    finally:
        Life.doClassCleanups()
    return 0


if __name__ == "__main__":
    sys.exit(main())
