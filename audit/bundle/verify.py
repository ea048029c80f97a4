#!/usr/bin/env python3
"""Verifies this bundle with Python's standard library and openssl, and nothing else.

    python3 verify.py PROVISIONING-PUBLIC-KEY.pem

README.md says what is checked, step by step, so that you may do it your own way. Exit: 0 all of it holds, 1 it does
not, 3 what is here holds and something that was asked for may have been left out.
"""

import base64
import datetime
import hashlib
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
SPKI = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: what stands before an Ed25519 key in a PEM file

TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{9}Z")
TO_THE_SECOND = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")

GRANTS_OWN = ("expires", "journal", "kind", "nonce")  # members of a grant that its act need not have

ON_ITS_WAY = 600  # seconds: what was sealed when its key was destroyed is recorded within that time


class Wrong(Exception):
    """The bundle does not hold."""


# What bytes that hold nothing lead to.
BROKEN = (Wrong, ArithmeticError, AttributeError, LookupError, OSError, RecursionError, TypeError, ValueError,
          subprocess.SubprocessError)


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


def number(text):
    """A decimal in its one form: nothing around it, no sign, no zero before it."""
    need(text.isascii() and text.isdigit() and str(int(text)) == text, f"{text!r} is no plain number")
    return int(text)


def lines_of(name):
    """The lines of a file of this bundle. Only a line feed ends a line, and it ends each."""
    text = (HERE / name).read_bytes().decode("utf-8")
    need(not text or text.endswith("\n"), f"the last line of {name} is cut off")
    return text.split("\n")[:-1]


def read_note(note, vkeys, origin, others_allowed=False):
    """Size and root of a checkpoint that each of the keys signed, once (C2SP signed-note, tlog-checkpoint), and how
    many signatures of other names stand beside theirs."""
    text, gap, signatures = note.rpartition("\n\n")
    need(gap and signatures.endswith("\n"), "a checkpoint is cut off")
    text += "\n"
    keys = [key_of(vkey) for vkey in vkeys]
    signed = []
    others = 0
    for line in signatures.split("\n")[:-1]:
        dash, name, encoded = line.split(" ")
        signature = unbase64(encoded)
        need(dash == "\u2014" and name and len(signature) > 4, "a line among the signatures is none")
        mine = [key for key in keys if key[0] == name and key[1] == signature[:4]]
        if mine:
            need(good_signature(mine[0][2], text.encode(), signature[4:]), "a signature of the checkpoint is not good")
            signed.append(mine[0])
        else:
            need(others_allowed and name != origin, "a checkpoint is signed by whom nothing vouches for")
            others += 1
    for vkey, key in zip(vkeys, keys):
        need(signed.count(key) == 1, f"{vkey} did not sign the checkpoint, or more than once")
    lines = text.split("\n")
    need(lines[0] == origin and len(lines) == 4, "the checkpoint is another journal's")
    root = unbase64(lines[2])
    need(len(root) == 32, "the root is no SHA-256")
    return number(lines[1]), root, others


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


def need_beginning(older, newer, path):
    """RFC 9162 §2.1.4.2: that a tree, (size, root), is the beginning of another one."""
    (size, root), (whole, whole_root) = older, newer
    wrong = f"the tree of {size} entries, which came before the last key, is not the beginning of that of {whole}"
    if size == whole:
        need(not path and root == whole_root, wrong)
        return
    need(0 < size < whole, wrong)
    hashes = path if size & (size - 1) else [root, *path]
    need(hashes, wrong)
    node, last = size - 1, whole - 1
    while node & 1:
        node >>= 1
        last >>= 1
    before = now = hashes[0]
    for sibling in hashes[1:]:
        need(last > 0, wrong)
        if node & 1 or node == last:
            before, now = node_hash(sibling, before), node_hash(sibling, now)
            while node and not node & 1:
                node >>= 1
                last >>= 1
        else:
            now = node_hash(now, sibling)
        node >>= 1
        last >>= 1
    need(last == 0 and before == root and now == whole_root, wrong)


def after(start, line):
    """What follows that beginning of a line."""
    need(line.startswith(start), f"a line does not begin with {start!r}")
    return line[len(start):]


def unhash(text):
    raw = unbase64(text)
    need(len(raw) == 32, f"{text} is no SHA-256")
    return raw


class Keys:
    """What keys.txt establishes: the charter, and the key in force."""

    def __init__(self, charter):
        self.charter = charter
        self.key = charter["key"]
        self.since = 1        # the smallest tree that it may sign
        self.prefixes = []    # trees, (size, root), that no later one may begin otherwise
        self.rotations = {}   # the hash of each key.rotate, by its number
        self.nonces = set()   # of the grants that were used
        self.unnamed = []     # numbers of those whose grant names no record that the key goes on from


def moment(text):
    """A time as entries and grants have it, which is before another one where its text is."""
    text = text[:-1] + ".000000000Z" if TO_THE_SECOND.fullmatch(text) else text
    need(TIME.fullmatch(text) and 1970 <= int(text[:4]) <= 2261, f"{text} is no time")
    datetime.datetime.fromisoformat(text[:19])
    return text


def read_grant(entry, body, keys, root_key):
    """That the provisioning key allowed this key to take over, then, and for the first time."""
    granted = body[body.index(b'"grant":') + len(b'"grant":'):body.index(b',"id":')]
    terms = json.loads(granted)
    need(terms == entry["grant"] and terms["journal"] == keys.charter["journal"] and terms["kind"] == "key.rotate" and
         terms["key"] == entry["key"] and terms.get("after") == entry.get("after") and
         all(name in GRANTS_OWN or entry.get(name) == value for name, value in terms.items()) and
         good_signature(root_key, b"tallygate grant v1\n" + granted, unbase64(entry["signature"])),
         "a rotation out of turn was not granted")
    need(moment(terms["expires"]) >= moment(entry["time"]), "a rotation out of turn came after its grant had expired")
    need(isinstance(terms["nonce"], str) and terms["nonce"] and terms["nonce"] not in keys.nonces,
         "a grant was used for two rotations")
    keys.nonces.add(terms["nonce"])


def read_prefix(value, index):
    """The record that a grant is for: size and root of the tree of what lies before the key's entry."""
    need(sorted(value) == ["root", "size"] and type(value["size"]) is int and 0 < value["size"] <= index,
         "a rotation out of turn names no record that it comes after")
    return value["size"], unhash(value["root"])


def read_rotation(line, keys, root_key):
    """Takes up the next signing key: a `key.rotate` in a tree that the key so far and the next one signed."""
    proof = unbase64(line).decode("utf-8")
    head, note = proof.split("\n\n", 1)
    fields = head.split("\n")
    need(fields[0] == "c2sp.org/tlog-proof@v1", "a rotation is no tlog-proof")
    body = unbase64(after("extra ", fields[1]))
    index = number(after("index ", fields[2]))
    entry = json.loads(body)
    need(entry["kind"] == "key.rotate" and entry["seq"] == index and entry["size"] == index + 1,
         "a rotation is not what it should be")
    signers = [keys.key, entry["key"]]
    if "grant" in entry:  # out of turn: the provisioning key allowed it, the key before need not sign
        read_grant(entry, body, keys, root_key)
        signers = [entry["key"]]
        if "after" in entry:
            keys.prefixes.append(read_prefix(entry["after"], index))
        else:
            keys.unnamed.append(index)
    size, root, _ = read_note(note, signers, keys.charter["origin"])
    path = [unhash(hash_line) for hash_line in fields[3:]]
    need(size == index + 1 and root_by_path(index, size, leaf_hash(body), path) == root,
         "a rotation is not in the tree that was signed")
    need(size > keys.since, "the rotations are out of order")
    keys.prefixes.append((size, root))
    keys.rotations[index] = leaf_hash(body)
    keys.key, keys.since = entry["key"], size


def read_keys(root_key):
    """Charter and keys; each key established by the one before, the first by the provisioning key."""
    lines = lines_of("keys.txt")
    first = lines[0]
    charter_text = first[len('{"charter":'):first.rindex(',"signature":"')]
    whole = json.loads(first)
    charter = whole["charter"]
    need(json.loads(charter_text) == charter and
         first == f'{{"charter":{charter_text},"signature":"{whole["signature"]}"}}', "the charter cannot be read")
    need(good_signature(root_key, b"tallygate charter v1\n" + charter_text.encode(), unbase64(whole["signature"])),
         "the charter is not signed by this provisioning key")
    need(key_of(charter["root"])[2] == root_key, "the charter names another provisioning key")
    keys = Keys(charter)
    for line in lines[1:]:
        read_rotation(after("key ", line), keys, root_key)
    return keys


def check_keys(keys, entries, size, root):
    """The last key signed no other record than those before it: all their trees are the beginning of this one, and
    each change of keys that is here is the one that was proven."""
    lines = lines_of("consistency.txt")
    need(len(lines) == len(keys.prefixes), "consistency.txt does not have a line for each tree that the keys rest on")
    for tree, line in zip(keys.prefixes, lines):
        need_beginning(tree, (size, root), [unhash(one) for one in line.split(" ")] if line else [])
    for index, leaf in keys.rotations.items():
        need(entries.leaves.get(index, leaf) == leaf, f"entry {index} is not the change of keys that was proven")


def is_of_somebody_known(entry):
    """Whether what stands in the clear says so."""
    return (entry["kind"] in ("session.start", "session.end", "session.revoke") or
            "authenticated" in entry.get("decision", {}).get("roles", []))


def seconds_between(before, later):
    need(TIME.fullmatch(before) and TIME.fullmatch(later), "an entry has no time")
    one, other = (datetime.datetime.fromisoformat(time[:19]) for time in (before, later))
    return (other - one).total_seconds()


class Entries:
    """What entries.jsonl holds: the leaf hash of each entry by its number, and what else is told about them."""

    def __init__(self):
        self.leaves = {}
        self.ranges = []   # [first, last, time of the first, time of the last], of numbers that follow each other
        self.retired = []  # (first, last, the entry that says so, whether it says that they were archived)
        self.erased = []   # (key, the entry that says that it was destroyed, time)
        self.under = {}    # by key, [(entry, time, of somebody who was known)]
        self.sha256 = hashlib.sha256()
        with open(HERE / "entries.jsonl", "rb") as file:
            for line in file:
                self.sha256.update(line)
                need(line.endswith(b"\n"), "the last entry is cut off")
                self.add(line[:-1])
        need(self.leaves, "there is no entry")

    def add(self, body):
        entry = json.loads(body)
        seq, time = entry["seq"], entry["time"]
        need(type(seq) is int and seq >= 0, "an entry has no number")
        before = self.ranges[-1][1] if self.ranges else -1
        need(seq > before, f"entry {seq} is out of order")
        if self.ranges and seq == before + 1:
            need(entry["prev"] == self.leaves[before].hex(), f"entry {seq} does not follow entry {before}")
            self.ranges[-1][1] = seq
            self.ranges[-1][3] = time
        else:
            self.ranges.append([seq, seq, time, time])
        if entry["kind"] == "journal.retire":
            self.retired.append((entry["first"], entry["last"], seq, "archive" in entry))
            keys = entry.get("erased", [])
            need(not keys or "archive" not in entry, f"entry {seq} destroys keys of what it archived")
            for key in keys:
                self.erased.append((key, seq, time))
        if "sealed" in entry:
            self.under.setdefault(entry["sealed"]["subject"], []).append((seq, time, is_of_somebody_known(entry)))
        self.leaves[seq] = leaf_hash(body)

    def check_erased(self):
        """A retirement may destroy keys of people who were not known, under which no entry is left, and no others."""
        for key, told, when in self.erased:
            for seq, time, known in self.under.get(key, []):
                need(not known, f"entry {told} destroys the key of somebody who was known, as entry {seq} shows")
                retired = any(first <= seq <= last and by <= told and not archived
                              for first, last, by, archived in self.retired)
                on_its_way = seq > told and seconds_between(when, time) <= ON_ITS_WAY
                need(retired or on_its_way, f"entry {told} destroys a key that entry {seq} is under")

    def gaps(self, size):
        """(first, last, time of the entry before, of the one after) of what is not here of a record of that size."""
        end, time = -1, None
        for first, last, begun, ended in self.ranges:
            if first > end + 1:
                yield end + 1, first - 1, time, begun
            end, time = last, ended
        if end + 1 < size:
            yield end + 1, size - 1, time, None


def why_not_here(gap, since, until, retired):
    """Why entries need not be here, in words; nothing where they may have been left out on purpose."""
    first, last, before, later = gap
    for from_seq, to_seq, told, _ in retired:
        if from_seq <= first and last <= to_seq:
            return f"whose bodies were retired, as entry {told} says"
    if since and later and later < since and (before is None or before < since):
        return "before that time"
    if until and before and before >= until and (later is None or later >= until):
        return "after that time"
    return None


def check_description(entries, origin, size, root, key):
    """bundle.json says what is here, and from when until when was asked for: these two times."""
    described = json.loads((HERE / "bundle.json").read_bytes().decode("utf-8"))
    numbers = [one[:2] for one in entries.ranges]
    right = {"entries": len(entries.leaves), "entries_sha256": entries.sha256.hexdigest(), "first": numbers[0][0],
             "from": described["from"], "gaps": [[one[1] + 1, two[0] - 1] for one, two in zip(numbers, numbers[1:])],
             "last": numbers[-1][1], "origin": origin, "root": base64.b64encode(root).decode(), "signed_by": key,
             "size": size, "to": described["to"]}
    for name in [*right, *described]:
        need(name in right and name in described and described[name] == right[name],
             f"bundle.json does not describe this bundle: {name}")
    for name in ("from", "to"):
        need(described[name] is None or TIME.fullmatch(described[name]), f"bundle.json: {name} is no time")
    return described["from"], described["to"]


def tree_root(leaves, size):
    """RFC 6962 §2.1 over all entries of the journal; path.txt has the roots of the parts that hold none of ours."""
    numbers = sorted(leaves)
    given = iter([unhash(line) for line in lines_of("path.txt")])

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

    need(numbers[-1] < size, "an entry lies beyond the checkpoint")
    value = root(0, size, 0, len(numbers))
    need(next(given, None) is None, "path.txt is too long")
    return value


def tell_what_is_here(entries, size, since, until):
    """Says the numbers that are here and that are not. Whether nothing that was asked for may be missing."""
    asked = f"from {since or 'the beginning'} until {until or 'the end of that tree'}"
    print(f"asked for: what was recorded {asked}")
    for first, last, _, _ in entries.ranges:
        print(f"here:      entries {first} to {last}")
    shown = True
    for gap in entries.gaps(size):
        reason = why_not_here(gap, since, until, entries.retired)
        print(f"not here:  entries {gap[0]} to {gap[1]}, {reason or 'AND NOTHING HERE SHOWS WHY'}")
        shown = shown and reason is not None
    if shown:
        print("Nothing that was asked for is missing, but for bodies that were retired, if that is said above.")
    else:
        print("Something that was asked for may be missing.")
    return shown


def check(root_key):
    """Raises one of BROKEN where anything does not hold. Says the rest; gives whether it is complete."""
    keys = read_keys(root_key)
    charter, key = keys.charter, keys.key
    note = (HERE / "checkpoint").read_bytes().decode("utf-8")
    size, signed_root, others = read_note(note, [key], charter["origin"], others_allowed=True)
    need(size >= keys.since, "the checkpoint is of a time before its key")
    entries = Entries()
    need(tree_root(entries.leaves, size) == signed_root, "the entries are not those whose tree was signed")
    check_keys(keys, entries, size, signed_root)
    entries.check_erased()
    asked = check_description(entries, charter["origin"], size, signed_root, key)
    whose = f"{charter['origin']} (journal {charter['journal']})"
    print(f"{len(entries.leaves)} entries of {whose} are as they were recorded,")
    print(f"in the tree of {size} entries with root {base64.b64encode(signed_root).decode()}")
    print(f"signed by {key}")
    for index in keys.unnamed:
        print(f"NOTE: the grant of the key of entry {index} does not say after which record it took over: of what was "
              "recorded before, that key alone says that it is as it was")
    if others:
        print(f"and by {others} more, whom this program does not know: what they signed was not looked at")
    return tell_what_is_here(entries, size, *asked)


def main():
    if len(sys.argv) != 2:
        print(__doc__.strip(), file=sys.stderr)
        return 2
    der = subprocess.run(["openssl", "pkey", "-pubin", "-in", sys.argv[1], "-outform", "DER"], capture_output=True,
                         check=True).stdout
    need(der[:12] == SPKI and len(der) == 44, "the provisioning key is no Ed25519 public key")
    return 0 if check(der[12:]) else 3


if __name__ == "__main__":
    try:
        sys.exit(main())
    except BROKEN as wrong:
        print(f"The bundle does not hold: {wrong}", file=sys.stderr)
        sys.exit(1)
