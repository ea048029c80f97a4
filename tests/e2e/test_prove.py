"""`audit prove`: what it writes convinces somebody who has hashlib, openssl and the provisioning key, and not us."""

import base64
import json
import os
import shutil
import subprocess
import tempfile
import unittest
from pathlib import Path

from support.reference import Journal, leaf_hash, node_hash
from support.site import tallygate


def root_of(index, size, leaf, path):
    """RFC 9162 §2.1.3.2, word for word."""
    node, last, value = index, size - 1, leaf
    for sibling in path:
        assert last != 0
        if node & 1 or node == last:
            value = node_hash(sibling, value)
            while not node & 1 and node != 0:
                node >>= 1
                last >>= 1
        else:
            value = node_hash(value, sibling)
        node >>= 1
        last >>= 1
    assert last == 0
    return value


def prefix_of(old_size, size, old_root, path):
    """The two roots that RFC 9162 §2.1.4.2 computes, word for word."""
    if old_size == size:
        assert not path
        return old_root, old_root
    node, last = old_size - 1, size - 1
    while node & 1:
        node >>= 1
        last >>= 1
    if old_size & (old_size - 1) == 0:
        path = [old_root, *path]
    old, new = path[0], path[0]
    for sibling in path[1:]:
        assert last != 0
        if node & 1 or node == last:
            old, new = node_hash(sibling, old), node_hash(sibling, new)
            while not node & 1 and node != 0:
                node >>= 1
                last >>= 1
        else:
            new = node_hash(new, sibling)
        node >>= 1
        last >>= 1
    assert last == 0
    return old, new


def public_key(vkey):
    """The raw key of a C2SP vkey, name+id+base64(0x01 ‖ key)."""
    typed = base64.b64decode(vkey.split("+", 2)[2])
    assert typed[0] == 1 and len(typed) == 33
    return typed[1:]


class Prove(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp(prefix="tallygate-prove-"))
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.site = self.folder / "site"
        done = subprocess.run([os.environ["TALLYGATE_BIN"], "init", str(self.site), "--host", "localhost"],
                              capture_output=True, text=True, timeout=60, check=False,
                              env={**os.environ, "TALLYGATE_PASSPHRASE": "a passphrase"})
        self.assertEqual(done.returncode, 0, done.stderr)
        self.root = self.site / "provisioning.pub.pem"

    def prove(self, seq):
        file = self.folder / f"{seq}.tlog-proof"
        done = tallygate("audit", "prove", seq, "--journal", self.site / "journal", "-o", file)
        self.assertEqual(done.returncode, 0, done.stderr)
        return file

    def signed(self, pem, message, signature):
        """Whether openssl finds the signature good."""
        (self.folder / "message").write_bytes(message)
        (self.folder / "signature").write_bytes(signature)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-inkey", str(pem), "-rawin", "-in",
                               str(self.folder / "message"), "-sigfile", str(self.folder / "signature")],
                              capture_output=True, check=False)
        return done.returncode == 0

    def pem_of(self, raw):
        der = bytes.fromhex("302a300506032b6570032100") + raw
        file = self.folder / "key.pem"
        file.write_text("-----BEGIN PUBLIC KEY-----\n" + base64.b64encode(der).decode() + "\n-----END PUBLIC KEY-----\n")
        return file

    def read_note(self, note):
        """A checkpoint's text, and its signatures by key id."""
        text, signatures = note.split("\n\n")
        by_id = {}
        for line in signatures.splitlines():
            mark, name, blob = line.split(" ")
            self.assertEqual((mark, name), ("\u2014", text.splitlines()[0]))
            by_id[base64.b64decode(blob)[:4].hex()] = base64.b64decode(blob)[4:]
        return text + "\n", by_id

    def read_proof(self, text):
        """A tlog-proof as its extra, index, path, and the checkpoint's text and signatures by key id."""
        lines = text.split("\n")
        self.assertEqual(lines[0], "c2sp.org/tlog-proof@v1")
        end = lines.index("")
        return (base64.b64decode(lines[1].removeprefix("extra ")), int(lines[2].removeprefix("index ")),
                [base64.b64decode(line) for line in lines[3:end]], *self.read_note("\n".join(lines[end + 1:])))

    def signed_by(self, vkey, text, by_id):
        """Whether the key of a vkey signed a checkpoint."""
        return self.signed(self.pem_of(public_key(vkey)), text.encode(), by_id[vkey.split("+")[1]])

    def in_tree(self, body, index, path, text):
        _, size, root = text.splitlines()
        self.assertEqual(root_of(index, int(size), leaf_hash(body), path), base64.b64decode(root))
        return int(size)

    def keys_by_hand(self, lines, root):
        """The journal's signing keys, [smallest size, vkey], out of the provisioning key, and its origin."""
        first, *rotations = lines
        charter = json.loads(first)
        canonical = json.dumps(charter["charter"], separators=(",", ":"), sort_keys=True, ensure_ascii=False)
        self.assertTrue(self.signed(root, b"tallygate charter v1\n" + canonical.encode(),
                                    base64.b64decode(charter["signature"])))
        keys = [[1, charter["charter"]["key"]]]
        for line in rotations:
            entry, seq, way, text, signatures = self.read_proof(base64.b64decode(line.removeprefix(b"key ")).decode())
            rotation = json.loads(entry)
            self.assertEqual(rotation["kind"], "key.rotate")
            self.assertEqual(self.in_tree(entry, seq, way, text), rotation["size"])
            keys.append([rotation["size"], rotation["key"]])
            for _, key in keys[-2:]:
                self.assertTrue(self.signed_by(key, text, signatures))
        return keys, charter["charter"]["origin"]

    def check_by_hand(self, text, root):
        """The entry that a proof file proves to whoever holds the provisioning key, and how many rotations it took."""
        extra, index, path, note, by_id = self.read_proof(text)
        *lines, body = extra.split(b"\n")
        keys, origin = self.keys_by_hand(lines, root)
        self.assertTrue(self.signed_by(keys[-1][1], note, by_id))
        self.assertEqual(note.splitlines()[0], origin)
        self.assertGreaterEqual(self.in_tree(body, index, path, note), keys[-1][0])
        self.assertEqual(json.loads(body)["seq"], index)
        return body, len(keys) - 1

    def check_consistency_by_hand(self, text, root):
        """The sizes of the two trees that a file proves to belong together."""
        lines = text.split("\n")
        self.assertEqual(lines[0], "tallygate consistency-proof v1")
        end = lines.index("")
        keys, origin = self.keys_by_hand(base64.b64decode(lines[1].removeprefix("extra ")).splitlines(), root)
        trees = []
        for note in (base64.b64decode(lines[2].removeprefix("old ")).decode(), "\n".join(lines[end + 1:])):
            note, by_id = self.read_note(note)
            name, size, tree = note.splitlines()
            self.assertEqual(name, origin)
            self.assertTrue(self.signed_by([key for first, key in keys if first <= int(size)][-1], note, by_id))
            trees.append((int(size), base64.b64decode(tree)))
        (old_size, old_root), (size, tree) = trees
        path = [base64.b64decode(line) for line in lines[3:end]]
        self.assertEqual(prefix_of(old_size, size, old_root, path), (old_root, tree))
        return old_size, size

    def test_a_proof_stands_without_us(self):
        body, rotations = self.check_by_hand(self.prove(0).read_text(), self.root)
        self.assertEqual(json.loads(body)["kind"], "key.provision")
        self.assertEqual(rotations, 0)

    def rotated_journal(self):
        """A journal that was not written by us, and its provisioning key as PEM."""
        journal = Journal(self.folder / "reference")
        for _ in range(3):
            journal.requests(5)
            journal.rotate()
        journal.requests(5)
        journal.write()
        root = self.folder / "root.pem"
        subprocess.run(["openssl", "pkey", "-in", journal.root.file, "-pubout", "-out", root], check=True)
        return journal, root

    def test_a_proof_under_keys_that_rotated_stands_without_us(self):
        journal, root = self.rotated_journal()
        seen = []
        for seq in (3, 6, 7, 12, 20, len(journal.bodies) - 1):
            file = self.folder / f"rotated-{seq}.tlog-proof"
            done = tallygate("audit", "prove", seq, "--journal", journal.folder, "-o", file)
            self.assertEqual(done.returncode, 0, done.stderr)
            body, rotations = self.check_by_hand(file.read_text(), root)
            self.assertEqual(body, journal.bodies[seq])
            done = tallygate("audit", "verify-proof", file, "--root", journal.root.vkey, "--json")
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertEqual(json.loads(done.stdout)["checkpoint"]["rotations"], rotations)
            seen.append(rotations)
        self.assertEqual(seen, [0, 0, 1, 1, 3, 3], "as few as it needs")

    def test_consistency_stands_without_us(self):
        journal, root = self.rotated_journal()
        newest = self.folder / "newest.note"
        newest.write_text(journal.notes[len(journal.bodies)])
        for older, newer in ((1, 6), (6, 13), (12, None), (6, newest), (len(journal.bodies), None)):
            file = self.folder / f"{older}.proof"
            to = () if newer is None else ("--to", newer)
            done = tallygate("audit", "consistency", "--journal", journal.folder, "--from", older, *to, "-o", file)
            self.assertEqual(done.returncode, 0, done.stderr)
            sizes = self.check_consistency_by_hand(file.read_text(), root)
            self.assertEqual(sizes, (older, newer if isinstance(newer, int) else len(journal.bodies)))
            done = tallygate("audit", "verify-consistency", file, "--root", root, "--json")
            self.assertEqual(done.returncode, 0, done.stdout)
            self.assertEqual(json.loads(done.stdout)["newer"]["size"], sizes[1])
            file.unlink()

    def test_consistency_has_its_exit_codes(self):
        journal, root = self.rotated_journal()
        other = Journal(self.folder / "other")
        other.key = journal.key  # the same key on another history
        other.requests(9)
        fork = self.folder / "fork.note"
        text = other.notes[10]
        fork.write_text(text)

        def consistency(*arguments):
            return tallygate("audit", "consistency", "--journal", journal.folder, *arguments)

        self.assertEqual(consistency("--from", 5).returncode, 3, "no checkpoint has that size")
        self.assertEqual(consistency("--from", 12, "--to", 6).returncode, 2)
        self.assertEqual(consistency("--from", fork).returncode, 1, "of a fork: signed out of turn")
        self.assertEqual(consistency("--from", self.folder / "none").returncode, 3)
        self.assertEqual(consistency().returncode, 2)
        shorter = Journal(self.folder / "shorter")
        shorter.requests(30)
        beyond = self.folder / "beyond.note"
        beyond.write_text(shorter.notes[31].split("\n\n")[0] + "\n\n" +
                          journal.key.line(shorter.notes[31].split("\n\n")[0] + "\n"))
        done = consistency("--from", 6, "--to", beyond)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("ends at size", done.stderr)
        made = consistency("--from", 6)
        file = self.folder / "altered"
        file.write_text(made.stdout.replace("\nold ", "\nold A"))
        self.assertEqual(tallygate("audit", "verify-consistency", file, "--root", root).returncode, 1)
        self.assertEqual(tallygate("audit", "verify-consistency", self.folder / "none", "--root", root).returncode, 3)

    def test_a_verification_goes_on_from_the_one_before(self):
        point = self.folder / "point.note"

        def verify(*arguments):
            return tallygate("audit", "verify", "--journal", self.site / "journal", "--root", self.root, "--json",
                             *arguments)

        self.assertEqual(verify("--since", point).returncode, 3, "there is none yet")
        for _ in range(2):
            done = verify("--save", point)
            self.assertEqual(done.returncode, 0, done.stderr)
            size = int(point.read_text().splitlines()[1])
            done = verify("--since", point, "--save", point)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn({"name": "since", "size": size, "agrees": True},
                          json.loads(done.stdout)["anchors"])
        point.write_text("nonsense")
        self.assertEqual(verify("--since", point).returncode, 2)
        self.assertEqual(point.read_text(), "nonsense", "what could not be verified replaces nothing")

    def test_what_was_proven_is_checked_and_shown(self):
        file = self.prove(0)
        done = tallygate("audit", "verify-proof", file, "--root", self.root)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("Proven: this is entry 0", done.stdout)
        self.assertIn("key.provision", done.stdout)
        done = tallygate("audit", "verify-proof", file, "--root", self.root, "--json")
        self.assertTrue(json.loads(done.stdout)["ok"])

    def test_a_proof_that_was_altered_does_not_hold(self):
        file = self.prove(0)
        text = file.read_text()
        file.write_text(text.replace("index 0", "index 1"))
        done = tallygate("audit", "verify-proof", file, "--root", self.root)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("does not hold", done.stderr)
        done = tallygate("audit", "verify-proof", file, "--root", self.root, "--json")
        self.assertEqual(done.returncode, 1)
        self.assertFalse(json.loads(done.stdout)["ok"])

    def test_slips_have_their_exit_codes(self):
        file = self.prove(0)
        journal = self.site / "journal"
        self.assertEqual(tallygate("audit", "prove", 99, "--journal", journal).returncode, 1)
        self.assertEqual(tallygate("audit", "prove", "x", "--journal", journal).returncode, 2)
        self.assertEqual(tallygate("audit", "prove", 0, "--journal", self.folder / "nowhere").returncode, 3)
        again = tallygate("audit", "prove", 0, "--journal", journal, "-o", file)
        self.assertNotEqual(again.returncode, 0, "nothing is overwritten")
        self.assertEqual(tallygate("audit", "verify-proof", self.folder / "none", "--root", self.root).returncode, 3)
        self.assertEqual(tallygate("audit", "verify-proof", file, "--root", "nonsense").returncode, 3)
        to_stdout = tallygate("audit", "prove", 0, "--journal", journal)
        self.assertEqual(to_stdout.stdout, file.read_text())


if __name__ == "__main__":
    unittest.main()
