"""Reads a journal with nothing but sqlite3 and hashlib, and asks the verifier for its opinion."""

import hashlib
import json
import os
import sqlite3
import subprocess
from pathlib import Path

ZEROS = "0" * 64


def bodies(folder, first=0):
    """(seq, body) of every entry from `first` on, in order, of all segments."""
    for segment in sorted(Path(folder).glob("[0-9]*.db")):
        connection = sqlite3.connect(f"file:{segment}?mode=ro", uri=True, timeout=20)
        try:
            yield from connection.execute("SELECT seq, body FROM entry WHERE seq >= ? ORDER BY seq", (first,))
        finally:
            connection.close()


def entries(folder, first=0):
    """Every entry from `first` on as a dict."""
    return [json.loads(body) for _, body in bodies(folder, first)]


def size(folder):
    """How many entries there are."""
    newest = sorted(Path(folder).glob("[0-9]*.db"))[-1]
    connection = sqlite3.connect(f"file:{newest}?mode=ro", uri=True, timeout=20)
    try:
        return connection.execute("SELECT max(seq) FROM entry").fetchone()[0] + 1
    finally:
        connection.close()


def check_chain(folder):
    """journal.md §2 and §4, by hand: sequence without gaps, each `prev` the leaf hash before it. How many entries."""
    previous = ZEROS
    expected = 0
    for seq, body in bodies(folder):
        entry = json.loads(body)
        if (seq, entry["seq"], entry["prev"]) != (expected, expected, previous):
            raise AssertionError(f"entry {seq}: seq {entry['seq']}, expected {expected}; prev {entry['prev']}, "
                                 f"expected {previous}")
        previous = hashlib.sha256(b"\x00" + body).hexdigest()
        expected += 1
    return expected


def by_request_id(folder):
    """Decisions by the id their request's answer carried; each a list, since twice would be a finding."""
    found = {}
    for entry in entries(folder):
        if entry["kind"] in ("access.allow", "access.deny"):
            found.setdefault(entry["id"], []).append(entry)
    return found


def verify(site):
    """`tallygate audit verify --json` of a site's journal; its report. Fails unless all is proven."""
    done = subprocess.run(
        [os.environ["TALLYGATE_BIN"], "audit", "verify", "--journal", str(site.journal), "--root", str(site.root_key),
         "--head", str(site.head), "--json"], capture_output=True, text=True, timeout=300, check=False)
    try:
        report = json.loads(done.stdout)
    except ValueError:
        raise AssertionError(f"audit verify: exit {done.returncode}, {done.stdout} {done.stderr[-500:]}") from None
    if done.returncode != 0 or not report["ok"] or report["findings"]:
        raise AssertionError(f"audit verify: exit {done.returncode}, {json.dumps(report)[:2000]} {done.stderr[-500:]}")
    return report
