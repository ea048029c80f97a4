"""A small journal with keys that rotate, written after journal.md with sqlite3, hashlib and openssl alone."""

import base64
import hashlib
import json
import sqlite3
import subprocess
from pathlib import Path

ORIGIN = "reference.example.com/journal"


def leaf_hash(data):
    return hashlib.sha256(b"\0" + data).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\1" + left + right).digest()


def tree_root(leaves):
    """RFC 6962 §2.1, word for word."""
    if len(leaves) < 2:
        return leaves[0] if leaves else hashlib.sha256(b"").digest()
    left = 1
    while left * 2 < len(leaves):
        left *= 2
    return node_hash(tree_root(leaves[:left]), tree_root(leaves[left:]))


def canonical(value):
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


class Key:
    """An Ed25519 key of openssl's."""

    def __init__(self, folder, name, word):
        self.name = name
        self.file = Path(folder) / f"{word}.pem"
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.file], check=True)
        der = subprocess.run(["openssl", "pkey", "-in", self.file, "-pubout", "-outform", "DER"], check=True,
                             capture_output=True).stdout
        self.typed = b"\1" + der[-32:]
        self.id = hashlib.sha256(name.encode() + b"\n" + self.typed).digest()[:4]
        self.vkey = f"{name}+{self.id.hex()}+{base64.b64encode(self.typed).decode()}"

    def sign(self, message):
        text = self.file.with_suffix(".message")
        text.write_bytes(message)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-inkey", self.file, "-rawin", "-in", text], check=True,
                              capture_output=True).stdout

    def line(self, text):
        return f"\u2014 {self.name} {base64.b64encode(self.id + self.sign(text.encode())).decode()}\n"


class Journal:
    """Entries and checkpoints in memory, then in one segment."""

    def __init__(self, folder):
        self.keys_folder = Path(folder) / "keys"
        self.keys_folder.mkdir(parents=True)
        self.folder = Path(folder) / "journal"
        self.folder.mkdir()
        self.root = Key(self.keys_folder, ORIGIN + "/root", "root")
        self.key = Key(self.keys_folder, ORIGIN, "key-0")
        self.bodies = []
        self.notes = {}
        charter = {"created": "2026-01-31T00:00:00Z", "heartbeat": 600, "journal": "7f4a0f52-52a5-4a3b-9d7c-0c4f4e6a1b2c",
                   "key": self.key.vkey, "origin": ORIGIN, "retention": "400d", "root": self.root.vkey}
        signature = self.root.sign(b"tallygate charter v1\n" + canonical(charter).encode())
        self.add("key.provision", charter=charter, signature=base64.b64encode(signature).decode())
        self.checkpoint(self.key)

    def add(self, kind, **members):
        seq = len(self.bodies)
        prev = leaf_hash(self.bodies[-1]).hex() if self.bodies else "0" * 64
        entry = {"gateway": "gw-1", "id": f"019c0000-{seq:04x}-7000-8000-{seq:012x}", "kind": kind, "prev": prev,
                 "seq": seq, "time": f"2026-01-31T00:{seq // 60:02}:{seq % 60:02}.000000000Z", "v": 1, **members}
        self.bodies.append(canonical(entry).encode())

    def checkpoint(self, *keys):
        size = len(self.bodies)
        root = base64.b64encode(tree_root([leaf_hash(body) for body in self.bodies])).decode()
        text = f"{ORIGIN}\n{size}\n{root}\n"
        self.notes[size] = text + "\n" + "".join(key.line(text) for key in keys)

    def rotate(self):
        old, self.key = self.key, Key(self.keys_folder, ORIGIN, f"key-{len(self.bodies)}")
        self.add("key.rotate", key=self.key.vkey, size=len(self.bodies) + 1)
        self.checkpoint(old, self.key)

    def prefix(self, size):
        """The beginning of the record as entries name it."""
        root = tree_root([leaf_hash(body) for body in self.bodies[:size]])
        return {"root": base64.b64encode(root).decode(), "size": size}

    def rotate_by_grant(self, terms=None, **both):
        """Out of turn: the provisioning key names the next one, and in `after` the record that it goes on from. `terms`
        stand in the grant alone."""
        self.key = Key(self.keys_folder, ORIGIN, f"key-{len(self.bodies)}")
        grant = {"expires": "2030-01-01T00:00:00Z", "journal": "7f4a0f52-52a5-4a3b-9d7c-0c4f4e6a1b2c", "key": self.key.vkey,
                 "kind": "key.rotate", "nonce": f"n{len(self.bodies)}", **both, **(terms or {})}
        signature = self.root.sign(b"tallygate grant v1\n" + canonical(grant).encode())
        self.add("key.rotate", grant=grant, key=self.key.vkey, signature=base64.b64encode(signature).decode(),
                 size=len(self.bodies) + 1, **both)
        self.checkpoint(self.key)

    def requests(self, count):
        for i in range(count):
            self.add("access.allow", request={"method": "GET", "path": f"/{i}"})
        self.checkpoint(self.key)

    def write(self):
        with sqlite3.connect(self.folder / "000000000000.db") as segment:
            segment.executescript("""
                CREATE TABLE entry      (seq  INTEGER PRIMARY KEY, body BLOB NOT NULL) STRICT;
                CREATE TABLE checkpoint (size INTEGER PRIMARY KEY, note BLOB NOT NULL) STRICT;
                CREATE TABLE leaf       (seq  INTEGER PRIMARY KEY, hash BLOB NOT NULL) STRICT;
                CREATE TABLE meta       (key  TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;""")
            segment.executemany("INSERT INTO entry VALUES (?, ?)", enumerate(self.bodies))
            segment.executemany("INSERT INTO checkpoint VALUES (?, ?)",
                                [(size, note.encode()) for size, note in self.notes.items()])
            segment.executemany("INSERT INTO meta VALUES (?, ?)",
                                [("format", "1"), ("origin", ORIGIN), ("first", "0"), ("state", "open")])
        segment.close()
