"""Bundles made by hand, as somebody makes them who has today's signing key and nothing else: `verify.py` believes none."""

import base64
import copy
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from support.reference import Journal, leaf_hash, tree_root

VERIFIER = Path(os.environ["SOURCE_DIR"]) / "audit/bundle/verify.py"


def text_of(raw):
    return base64.b64encode(raw).decode()


def split_at(count):
    left = 1
    while left * 2 < count:
        left *= 2
    return left


def path_to(index, leaves):
    """RFC 9162 §2.1.3.1."""
    if len(leaves) == 1:
        return []
    left = split_at(len(leaves))
    if index < left:
        return [*path_to(index, leaves[:left]), tree_root(leaves[left:])]
    return [*path_to(index - left, leaves[left:]), tree_root(leaves[:left])]


def beginning(size, leaves, whole=True):
    """RFC 9162 §2.1.4.1."""
    if size == len(leaves):
        return [] if whole else [tree_root(leaves)]
    left = split_at(len(leaves))
    if size <= left:
        return [*beginning(size, leaves[:left], whole), tree_root(leaves[left:])]
    return [*beginning(size - left, leaves[left:], False), tree_root(leaves[:left])]


def leaves_of(journal):
    return [leaf_hash(body) for body in journal.bodies]


class Forgeries(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tallygate-bundle-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.journal = Journal(self.folder / "reference")
        self.bundle = self.folder / "bundle"
        self.root = self.folder / "root.pem"
        self.new_root()

    def new_root(self):
        """The provisioning key is that of the journal at hand."""
        subprocess.run(["openssl", "pkey", "-in", self.journal.root.file, "-pubout", "-out", self.root], check=True)

    def key_lines(self, journal, seqs):
        """What keys.txt holds for these entries."""
        first = json.loads(journal.bodies[0])
        charter = json.dumps(first["charter"], separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        lines = [f'{{"charter":{charter},"signature":"{first["signature"]}"}}']
        for seq in seqs:
            path = "".join(text_of(one) + "\n" for one in path_to(seq, leaves_of(journal)[:seq + 1]))
            proof = (f"c2sp.org/tlog-proof@v1\nextra {text_of(journal.bodies[seq])}\nindex {seq}\n{path}\n" +
                     journal.notes[seq + 1])
            lines.append("key " + text_of(proof.encode()))
        return "".join(line + "\n" for line in lines)

    def make(self, journal, keys, prefixes):
        """A bundle of the whole record, by its newest checkpoint."""
        shutil.rmtree(self.bundle, ignore_errors=True)
        self.bundle.mkdir()
        shutil.copy(VERIFIER, self.bundle)
        leaves = leaves_of(journal)
        entries = b"".join(body + b"\n" for body in journal.bodies)
        consistency = "".join(" ".join(map(text_of, beginning(size, leaves))) + "\n" for size in prefixes)
        for name, content in (("entries.jsonl", entries), ("keys.txt", keys.encode()), ("path.txt", b""),
                              ("consistency.txt", consistency.encode()),
                              ("checkpoint", journal.notes[len(leaves)].encode())):
            (self.bundle / name).write_bytes(content)
        described = {"entries": len(leaves), "entries_sha256": hashlib.sha256(entries).hexdigest(), "first": 0, "from": None,
                     "gaps": [], "last": len(leaves) - 1, "origin": "reference.example.com/journal",
                     "root": text_of(tree_root(leaves)), "signed_by": journal.key.vkey, "size": len(leaves), "to": None}
        (self.bundle / "bundle.json").write_text(json.dumps(described))

    def verify(self):
        return subprocess.run([sys.executable, self.bundle / "verify.py", self.root], capture_output=True, text=True,
                              timeout=120, check=False)

    def assert_holds(self):
        done = self.verify()
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def assert_refused(self, why):
        done = self.verify()
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        self.assertIn(why, done.stderr)

    def invent(self, keep, count):
        """What whoever has the key in force writes instead of all from entry `keep` on."""
        forged = copy.copy(self.journal)
        forged.bodies = self.journal.bodies[:keep]
        forged.notes = dict(self.journal.notes)
        for number in range(count):
            forged.add("access.deny", request={"method": "GET", "path": f"/invented/{number}"})
        return forged

    def test_todays_key_does_not_vouch_for_another_yesterday(self):
        self.journal.requests(20)
        self.journal.rotate()
        size = len(self.journal.bodies)
        keys = self.key_lines(self.journal, [size - 1])
        self.journal.requests(9)
        self.make(self.journal, keys, [size])
        self.assert_holds()
        honest = (self.bundle / "consistency.txt").read_bytes()
        for keep in (1, 5, size - 1):
            forged = self.invent(keep, 41 - keep)
            forged.checkpoint(forged.key)
            self.make(forged, keys, [size])
            self.assert_refused(f"the tree of {size} entries, which came before the last key, is not the beginning")
            for lines, why in ((honest, "is not the beginning"), (b"\n", "is not the beginning"), (b"", "does not have a line")):
                (self.bundle / "consistency.txt").write_bytes(lines)
                self.assert_refused(why)
        (self.bundle / "consistency.txt").unlink()
        self.assert_refused("consistency.txt")

    def test_a_key_out_of_turn_goes_on_from_the_record_that_its_grant_names(self):
        self.journal.requests(20)
        after = self.journal.prefix(21)
        self.journal.requests(3)  # the grant was made before the fact
        self.journal.rotate_by_grant(after=after)
        seq = len(self.journal.bodies) - 1
        self.journal.requests(9)
        self.make(self.journal, self.key_lines(self.journal, [seq]), [21, seq + 1])
        self.assertNotIn("NOTE", self.assert_holds())
        # The thief of that key alone makes the rest anew, with the same grant.
        for keep, count in ((1, 0), (1, 30), (5, 19)):
            forged = self.invent(keep, count)
            forged.add("key.rotate", size=len(forged.bodies) + 1, **{
                name: value for name, value in json.loads(self.journal.bodies[seq]).items()
                if name in ("after", "grant", "key", "signature")})
            forged.checkpoint(forged.key)
            at = len(forged.bodies) - 1
            keys = self.key_lines(forged, [at])
            forged.requests(3)
            self.make(forged, keys, [min(21, at + 1), at + 1])
            self.assert_refused("is not the beginning" if at >= 21 else "names no record that it comes after")

    def test_a_grant_is_good_until_it_expires_and_once(self):
        for expires, why in (("2026-01-31T00:00:21Z", None), ("2026-01-31T00:00:21.000000000Z", None),
                             ("2026-01-31T00:00:20.999999999Z", "after its grant had expired"),
                             ("2026-01-31T00:00:20Z", "after its grant had expired"),
                             ("2025-12-31T00:00:00Z", "after its grant had expired"),
                             ("2026-02-31T00:00:00Z", ""), ("tomorrow", "is no time"), ("", "is no time")):
            self.journal = Journal(self.folder / f"expires {expires}")
            self.new_root()
            self.journal.requests(20)
            self.journal.rotate_by_grant(after=self.journal.prefix(1), terms={"expires": expires})
            self.make(self.journal, self.key_lines(self.journal, [21]), [1, 22])
            if why is None:
                self.assert_holds()
            else:
                self.assert_refused(why)
        self.journal = Journal(self.folder / "twice")
        self.new_root()
        after = self.journal.prefix(1)
        for nonce, why in (("one", None), ("one", "a grant was used for two rotations")):
            self.journal.rotate_by_grant(after=after, terms={"nonce": nonce})
            seqs = range(1, len(self.journal.bodies))
            self.make(self.journal, self.key_lines(self.journal, seqs), [size for seq in seqs for size in (1, seq + 1)])
            if why is None:
                self.assert_holds()
            else:
                self.assert_refused(why)

    def test_a_grant_that_names_no_record_is_told(self):
        self.journal.requests(20)
        self.journal.rotate_by_grant()
        seq = len(self.journal.bodies) - 1
        self.journal.requests(9)
        self.make(self.journal, self.key_lines(self.journal, [seq]), [seq + 1])
        self.assertIn(f"NOTE: the grant of the key of entry {seq} does not say after which record", self.assert_holds())

    def test_every_size_of_a_tree_is_told_from_others(self):
        """The proof of RFC 9162 §2.1.4.2, for all small trees."""
        self.journal.requests(18)
        leaves = leaves_of(self.journal)
        sys.path.insert(0, str(VERIFIER.parent))
        self.addCleanup(sys.path.remove, str(VERIFIER.parent))
        import verify  # noqa: PLC0415
        for whole in range(1, len(leaves) + 1):
            for size in range(1, whole + 1):
                path = beginning(size, leaves[:whole])
                newer = (whole, tree_root(leaves[:whole]))
                verify.need_beginning((size, tree_root(leaves[:size])), newer, path)
                other = [*leaves[:size - 1], leaf_hash(b"another")]
                for wrong, way in ((tree_root(other), path), (tree_root(leaves[:size]), [*path, leaves[0]]),
                                   *([(tree_root(leaves[:size]), path[:-1])] if path else [])):
                    with self.assertRaises(verify.Wrong):
                        verify.need_beginning((size, wrong), newer, way)


if __name__ == "__main__":
    unittest.main()
