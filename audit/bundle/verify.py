#!/usr/bin/env python3
"""Verifies this bundle with Python's standard library and openssl, and nothing else.

    python3 verify.py PROVISIONING-PUBLIC-KEY.pem

README.md says what is checked, step by step, so that you may do it your own way.
"""

import base64
import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SPKI = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: what stands before an Ed25519 key in a PEM file


class Wrong(Exception):
    """The bundle does not hold."""


def need(condition, message):
    if not condition:
        raise Wrong(message)


def unbase64(text):
    """Standard base64 with padding in its one form: bits that nothing uses are zero."""
    raw = base64.b64decode(text, validate=True)
    need(base64.b64encode(raw).decode() == text, f"{text} is not plain base64")
    return raw


def leaf_hash(body):
    return hashlib.sha256(b"\x00" + body).digest()


def node_hash(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_point(count):
    """The largest power of two below count (RFC 6962 §2.1)."""
    return 1 << (count - 1).bit_length() - 1


def good_signature(key, message, signature):
    """Whether openssl finds that the Ed25519 key (32 bytes) signed the message."""
    with tempfile.TemporaryDirectory() as folder:
        names = [pathlib.Path(folder) / name for name in ("key.der", "message", "signature")]
        for name, content in zip(names, (SPKI + key, message, signature)):
            name.write_bytes(content)
        done = subprocess.run(["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", names[0],
                               "-rawin", "-in", names[1], "-sigfile", names[2]], capture_output=True, check=False)
    return done.returncode == 0


def key_of(vkey):
    """name+id+base64(0x01 ‖ key), C2SP signed-note: the name, the id and the key."""
    name, key_id, encoded = vkey.split("+", 2)
    typed = unbase64(encoded)
    need(len(typed) == 33 and typed[0] == 1, f"{vkey} is no Ed25519 key")
    right_id = hashlib.sha256(name.encode() + b"\n" + typed).digest()[:4]
    need(right_id.hex() == key_id, f"the id of {vkey} is not its own")
    return name, right_id, typed[1:]


def read_note(note, vkeys, origin):
    """Size and root of a checkpoint that each of the keys signed (C2SP signed-note, tlog-checkpoint)."""
    text, _, signatures = note.rpartition("\n\n")
    text += "\n"
    for vkey in vkeys:
        name, key_id, key = key_of(vkey)
        found = [unbase64(line.split(" ")[2]) for line in signatures.splitlines()
                 if line.startswith(f"\u2014 {name} ")]
        mine = [one[4:] for one in found if one[:4] == key_id]
        need(mine and all(good_signature(key, text.encode(), one) for one in mine), f"{vkey} did not sign the checkpoint")
    lines = text.split("\n")
    need(lines[0] == origin and len(lines) == 4, "the checkpoint is another journal's")
    return int(lines[1]), unbase64(lines[2])


def root_by_path(index, size, leaf, path):
    """RFC 9162 §2.1.3.2."""
    node, last, value = index, size - 1, leaf
    for sibling in path:
        need(last > 0, "an inclusion proof is too long")
        if node & 1 or node == last:
            value = node_hash(sibling, value)
            while not node & 1 and node:
                node >>= 1
                last >>= 1
        else:
            value = node_hash(value, sibling)
        node >>= 1
        last >>= 1
    need(last == 0, "an inclusion proof is too short")
    return value


def read_rotation(line, key, charter, root_key):
    """The next signing key: a `key.rotate` in a tree that the key so far and the next one signed."""
    proof = unbase64(line).decode()
    head, note = proof.split("\n\n", 1)
    fields = head.split("\n")
    body = unbase64(fields[1].removeprefix("extra "))
    index = int(fields[2].removeprefix("index "))
    entry = json.loads(body)
    need(entry["kind"] == "key.rotate" and entry["seq"] == index and entry["size"] == index + 1,
         "a rotation is not what it should be")
    signers = [key, entry["key"]]
    if "grant" in entry:  # out of turn: the provisioning key allowed it, the key before need not sign
        granted = body[body.index(b'"grant":') + len(b'"grant":'):body.index(b',"id":')]
        need(json.loads(granted) == entry["grant"] and entry["grant"]["journal"] == charter["journal"] and
             entry["grant"]["kind"] == "key.rotate" and entry["grant"]["key"] == entry["key"] and
             good_signature(root_key, b"tallygate grant v1\n" + granted, unbase64(entry["signature"])),
             "a rotation out of turn was not granted")
        signers = [entry["key"]]
    size, root = read_note(note, signers, charter["origin"])
    path = [unbase64(hash_line) for hash_line in fields[3:]]
    need(size == index + 1 and root_by_path(index, size, leaf_hash(body), path) == root,
         "a rotation is not in the tree that was signed")
    return entry["key"], size


def read_keys(root_key):
    """Charter, the key in force and the smallest tree it may sign; each established by the one before, the first by the provisioning key."""
    lines = (HERE / "keys.txt").read_text(encoding="utf-8").splitlines()
    first = lines[0]
    charter_text = first[len('{"charter":'):first.rindex(',"signature":"')]
    whole = json.loads(first)
    charter = whole["charter"]
    need(json.loads(charter_text) == charter, "the charter cannot be read")
    need(good_signature(root_key, b"tallygate charter v1\n" + charter_text.encode(), unbase64(whole["signature"])),
         "the charter is not signed by this provisioning key")
    need(key_of(charter["root"])[2] == root_key, "the charter names another provisioning key")
    key, since = charter["key"], 1
    for line in lines[1:]:
        key, size = read_rotation(line.removeprefix("key "), key, charter, root_key)
        need(size > since, "the rotations are out of order")
        since = size
    return charter, key, since


def read_entries():
    """Leaf hash of each entry by its number, after looking at their order and their chain."""
    leaves = {}
    before = -1
    with open(HERE / "entries.jsonl", "rb") as file:
        for body in file:
            body = body.removesuffix(b"\n")
            entry = json.loads(body)
            need(entry["seq"] > before, f"entry {entry['seq']} is out of order")
            need(entry["seq"] != before + 1 or before < 0 or entry["prev"] == leaves[before].hex(),
                 f"entry {entry['seq']} does not follow entry {before}")
            before = entry["seq"]
            leaves[before] = leaf_hash(body)
    return leaves


def tree_root(leaves, size):
    """RFC 6962 §2.1 over all entries of the journal; path.txt has the roots of the parts that hold none of ours."""
    numbers = sorted(leaves)
    given = iter([unbase64(line) for line in (HERE / "path.txt").read_text().splitlines()])

    def root(first, end, low, high):  # numbers[low:high] are those in [first, end)
        if low == high:
            value = next(given, None)
            need(value is not None, "path.txt is too short")
            return value
        if end - first == 1:
            return leaves[first]
        middle = first + split_point(end - first)
        cut = low
        step = high - low
        while step:  # the first number from the middle on
            half = step // 2
            if numbers[cut + half] < middle:
                cut += half + 1
                step -= half + 1
            else:
                step = half
        return node_hash(root(first, middle, low, cut), root(middle, end, cut, high))

    need(not numbers or numbers[-1] < size, "an entry lies beyond the checkpoint")
    value = root(0, size, 0, len(numbers))
    need(next(given, None) is None, "path.txt is too long")
    return value


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", sys.argv[1], "-outform", "DER"], capture_output=True,
                         check=True).stdout
    need(der[:12] == SPKI and len(der) == 44, "the provisioning key is no Ed25519 public key")
    root_key = der[12:]
    charter, key, since = read_keys(root_key)
    size, signed_root = read_note((HERE / "checkpoint").read_text(encoding="utf-8"), [key], charter["origin"])
    need(size >= since, "the checkpoint is of a time before its key")
    leaves = read_entries()
    need(tree_root(leaves, size) == signed_root, "the entries are not those whose tree was signed")
    print(f"{len(leaves)} entries of {charter['origin']} (journal {charter['journal']}) are as they were recorded,")
    print(f"in the tree of {size} entries with root {base64.b64encode(signed_root).decode()}")
    print(f"signed by {key}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Wrong, KeyError, ValueError, IndexError, OSError, subprocess.SubprocessError) as wrong:
        print(f"The bundle does not hold: {wrong}", file=sys.stderr)
        sys.exit(1)
