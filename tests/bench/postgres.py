#!/usr/bin/env python3
"""The journal beside PostgreSQL as the durable audit table that people would reach for.

    tests/bench/postgres.py [--rounds 3] [--seconds 4] [--clients 64] [--folder /var/tmp]

A private cluster on a Unix socket under the folder (fsync and synchronous_commit on), with pgbench inserting rows of the
bytes that journal_bench records, one row a transaction, from so many clients in two threads; between its rounds,
journal_bench with as many events in flight from two threads. Medians and ratios. Needs PostgreSQL's server and pgbench (Debian: postgresql), a release build (or
BENCH, the path of journal_bench), and, where it is run as root, the user postgres.
"""

import argparse
import contextlib
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BENCH = pathlib.Path(os.environ.get("BENCH", HERE.parents[1] / "build/release/bin/journal_bench"))
ROW = re.compile(r"^(.*?)\s+(\d+) events/s", re.MULTILINE)
BYTES = re.compile(r"^plain SQLite, (\d+) bytes an entry", re.MULTILINE)


def programs():
    found = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
    if not found:
        raise SystemExit("PostgreSQL's server is not there: install postgresql")
    return found[-1]


def as_owner(*command, **options):
    user = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
    return subprocess.run([*user, *map(str, command)], check=True, capture_output=True, text=True, cwd="/", **options)


@contextlib.contextmanager
def cluster(folder):
    """A running server; what it yields are the arguments with which a client finds it."""
    binaries = programs()
    if os.geteuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data = folder / "data"
    as_owner(binaries / "initdb", "-D", data, "-A", "trust", "-U", "postgres", "--no-sync")
    options = (f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=on -c synchronous_commit=on "
               "-c shared_buffers=512MB -c max_wal_size=8GB -c max_connections=200 -c autovacuum=off")
    as_owner(binaries / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start")
    try:
        yield ["-h", str(folder), "-U", "postgres"]
    finally:
        as_owner(binaries / "pg_ctl", "-D", data, "-m", "immediate", "stop")


def inserts(where, folder, size, clients, seconds):
    """Rows a second, each durable before its client goes on."""
    subprocess.run(["psql", "-q", *where, "-c", "DROP TABLE IF EXISTS entry; CREATE TABLE entry (seq BIGINT GENERATED "
                    "ALWAYS AS IDENTITY PRIMARY KEY, body BYTEA NOT NULL)", "postgres"],
                   check=True, capture_output=True, text=True)
    script = folder / "insert.sql"
    script.write_text(f"INSERT INTO entry (body) VALUES ('{'j' * size}');\n")
    said = subprocess.run(["pgbench", "-n", "-M", "prepared", "-c", str(clients), "-j", "2", "-T", str(seconds), "-f",
                           str(script), *where, "postgres"], check=True, capture_output=True, text=True).stdout
    return float(re.search(r"tps = ([\d.]+)", said)[1])


def journal(clients, seconds):
    """Entries a second of the journal: clear and sealed, and the bytes of each."""
    said = subprocess.run([str(BENCH), str(seconds), "1", str(clients)], check=True, capture_output=True, text=True).stdout
    rates = {name: float(rate) for name, rate in ROW.findall(said[said.index("\n2 threads with "):])}
    sizes = [int(size) for size in BYTES.findall(said)]
    return [(sizes[0], rates["journal, signed and chained"]), (sizes[1], rates["journal, the person sealed as well"])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=4)
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--folder", default="/var/tmp", help="on the disk under test")
    options = parser.parse_args()
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tallygate-postgres-", dir=options.folder))
    try:
        with cluster(folder) as where:
            rounds = []
            for _ in range(options.rounds):
                ours = journal(options.clients, options.seconds)
                theirs = [inserts(where, folder, size, options.clients, options.seconds) for size, _ in ours]
                rounds.append([(size, rate, other) for (size, rate), other in zip(ours, theirs)])
        print(f"{options.clients} clients, medians of {options.rounds} interleaved rounds of {options.seconds} s")
        print("| | bytes | journal, entries/s | PostgreSQL, rows/s | ratio (must 3, aim 10) |\n|---|---|---|---|---|")
        for name, row in zip(("signed, chained", "sealed as well"), zip(*rounds)):
            rate, other = (statistics.median(one[at] for one in row) for at in (1, 2))
            print(f"| {name} | {row[0][0]} | {rate:,.0f} | {other:,.0f} | {rate / other:.1f} |")
    finally:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
