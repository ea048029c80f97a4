#!/usr/bin/env python3
"""What 500 good clients notice of slow ones: the 99th percentile of their latency undisturbed, and beside slowhttptest in
each of its three modes.

    tests/bench/gateway/slow.py [--clients 500] [--pause 250] [--slow 1000] [--seconds 10] [--settle 2]
                               [--rounds 3] [--folder /var/tmp]

Each good client keeps its connection and asks, with a token, about every `pause` milliseconds, so that the machine is
never full: at capacity a latency would only say how many clients there are. The slow ones ask for what everybody may have,
and are all connected so many seconds before the measurement begins: with --settle 0 it has their handshakes in it, and what
readers get before they stop to take it. Undisturbed and disturbed runs take turns; the figure is the ratio of
their medians. Needs nginx, wrk, slowhttptest, openssl and a release build (or TALLYGATE_BIN).
"""

import argparse
import json
import os
import pathlib
import re
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request

from scale import free_port, make_keys, mint, start_gateway

MODES = {"undisturbed": None,
         "slow heads": ("-H", "-i", "5", "-x", "20"),
         "slow bodies": ("-B", "-i", "5", "-x", "20", "-s", "8192"),
         "slow readers": ("-X", "-n", "1", "-z", "16", "-w", "512", "-y", "1024")}
LARGE = 10 << 20
MUST = 2.0


def start_origin(folder, port):
    (folder / "public").mkdir()
    (folder / "public" / "large").write_bytes(bytes(LARGE))
    (folder / "nginx.conf").write_text(f"""
{"user root;" if os.geteuid() == 0 else ""}
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err warn;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s; client_max_body_size 0;
  client_body_temp_path {folder}/nb; proxy_temp_path {folder}/np; fastcgi_temp_path {folder}/nf;
  uwsgi_temp_path {folder}/nu; scgi_temp_path {folder}/ns;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ return 200 "{'x' * 1024}"; }}
    location = /public/large {{ root {folder}; }}
    location = /public/form {{ proxy_pass http://127.0.0.1:{port}/; }}
  }}
}}
""")
    return subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.err")])


def open_connections(admin):
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=30) as answer:
        return int(float(re.search(rb"^tallygate_connections_open (\S+)$", answer.read(), re.MULTILINE)[1]))


def start_slow(options, mode, port, admin):
    """slowhttptest with all its connections open; None where nobody is to disturb."""
    if mode is None:
        return None
    target = "large" if "-X" in mode else "form"
    process = subprocess.Popen(
        ["slowhttptest", "-u", f"https://localhost:{port}/public/{target}", "-c", str(options.slow), "-r", str(options.slow),
         "-l", "600", "-p", "60", *mode], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 30
    while open_connections(admin) < 0.9 * options.slow:
        if time.monotonic() > deadline or process.poll() is not None:
            process.kill()
            sys.exit("slowhttptest does not connect")
        time.sleep(0.05)
    time.sleep(options.settle)
    return process


def measure(options, folder, port, token):
    """Milliseconds (p50, p99), requests a second, and answers that were none, of the good clients."""
    (folder / "ask.lua").write_text(f"""
wrk.headers["Host"] = "localhost"
wrk.headers["Authorization"] = "Bearer {token}"
function delay() return math.random({options.pause // 2}, {options.pause * 3 // 2}) end
function done(summary, latency)
  local e = summary.errors
  io.write(string.format('{{"p50": %f, "p99": %f, "rate": %f, "wrong": %d}}\\n', latency:percentile(50) / 1000,
    latency:percentile(99) / 1000, summary.requests / summary.duration * 1e6,
    e.connect + e.read + e.write + e.status + e.timeout))
end
""")
    done = subprocess.run(["wrk", "-t1", f"-c{options.clients}", f"-d{options.seconds}s", "-s", str(folder / "ask.lua"),
                           f"https://localhost:{port}/page"], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def run_all(options, folder, port, admin, token):
    results = {name: [] for name in MODES}
    names = [name for name in MODES if MODES[name]]
    plan = [one for _ in range(options.rounds) for name in names for one in ("undisturbed", name)] + ["undisturbed"]
    for name in plan:
        slow = start_slow(options, MODES[name], port, admin)
        found = measure(options, folder, port, token)
        found["connected"] = open_connections(admin)
        results[name].append(found)
        print(f"  {name:12} {json.dumps(found)}", file=sys.stderr, flush=True)
        if slow:
            slow.terminate()
            slow.wait(60)
            while open_connections(admin) > 1:
                time.sleep(0.05)
    return results


def show(results):
    usual = statistics.median(run["p99"] for run in results["undisturbed"])
    print("\n| | p50 ms | p99 ms | least and most | × undisturbed | requests/s | wrong | connections at the end |\n"
          "|---|---|---|---|---|---|---|---|")
    for name, runs in results.items():
        p99 = [run["p99"] for run in runs]
        print(f"| {name} | {statistics.median(run['p50'] for run in runs):.2f} | {statistics.median(p99):.2f} | "
              f"{min(p99):.2f} to {max(p99):.2f} | {statistics.median(p99) / usual:.2f} (must: {MUST}) | "
              f"{statistics.median(run['rate'] for run in runs):.0f} | {sum(run['wrong'] for run in runs)} | "
              f"{max(run['connected'] for run in runs)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=500)
    parser.add_argument("--pause", type=int, default=250, help="milliseconds between an answer and the next request")
    parser.add_argument("--slow", type=int, default=1000, help="slow connections; slowhttptest has no more than 1,000 or so")
    parser.add_argument("--seconds", type=int, default=10, help="of one measurement; slow heads are cut after 15")
    parser.add_argument("--settle", type=float, default=2, help="seconds between the attack and the measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", default="/var/tmp", help="on the disk under test")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (16384, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    os.environ["TALLYGATE_PUBLIC"] = "true"
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tallygate-slow-", dir=options.folder))
    folder.chmod(0o755)
    port, upstream, admin = free_port(), free_port(), free_port()
    make_keys(folder)
    running = []
    try:
        running.append(start_origin(folder, upstream))
        running.append(start_gateway(folder, port, upstream, admin))
        show(run_all(options, folder, port, admin, mint(folder / "jwt.key", 0)))
    finally:
        for process in reversed(running):
            process.terminate()
            process.wait(60)
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
