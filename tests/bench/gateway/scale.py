#!/usr/bin/env python3
"""A journal of many decisions through the running gateway, and what it costs to go over it afterwards.

    tests/bench/gateway/scale.py [--decisions 10000000] [--people 300] [--folder /var/tmp] [--keep]

An nginx answers behind the gateway; wrk asks through TLS with the tokens of so many people until the journal holds
the decisions. Then `audit verify`, `policy replay` and `audit decisions` go over it, and `audit prove` takes some
entries out; of each, the time, the rate, the processor time and the largest resident memory. Needs about 1.5 GB of disk for
each million, nginx, wrk, openssl and a release build (or TALLYGATE_BIN).
"""

import argparse
import base64
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
BINARY = pathlib.Path(os.environ.get("TALLYGATE_BIN", HERE.parents[2] / "build/release/bin/tallygate"))
TEAMS = 8


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def run(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, capture_output=True, **options).stdout


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def mint(key, person):
    now = int(time.time())
    claims = {"iss": "https://idp.example", "aud": "gateway", "sub": f"person-{person}",
              "preferred_username": f"person-{person}", "email": f"person-{person}@example.org",
              "roles": ["reader", f"team-{person % TEAMS}"], "iat": now, "nbf": now - 5, "exp": now + 86400}
    head = {"alg": "RS256", "typ": "JWT", "kid": "bench"}
    text = ".".join(b64url(json.dumps(part, separators=(",", ":")).encode()) for part in (head, claims))
    signature = run("openssl", "dgst", "-sha256", "-sign", key, input=text.encode())
    return f"{text}.{b64url(signature)}"


def make_keys(folder):
    run("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
        "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
        "-keyout", folder / "tls.key", "-out", folder / "tls.crt")
    run("openssl", "genrsa", "-out", folder / "jwt.key", "2048")
    run("openssl", "rsa", "-in", folder / "jwt.key", "-pubout", "-out", folder / "jwt.pub")


def start_origin(folder, port):
    (folder / "nginx.conf").write_text(f"""
worker_processes 1; daemon off; pid {folder}/nginx.pid; error_log {folder}/nginx.err warn;
events {{ worker_connections 4096; }}
http {{
  access_log off; keepalive_requests 100000000; keepalive_timeout 600s;
  client_body_temp_path {folder}/nb; proxy_temp_path {folder}/np; fastcgi_temp_path {folder}/nf;
  uwsgi_temp_path {folder}/nu; scgi_temp_path {folder}/ns;
  server {{ listen 127.0.0.1:{port} backlog=4096; location / {{ return 200 "{'x' * 1024}"; }} }}
}}
""")
    return subprocess.Popen(["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "nginx.err")])


def start_gateway(folder, port, upstream, admin, changed=None):
    environment = os.environ | {
        "RUN": str(folder), "PORT": str(port), "UPSTREAM_PORT": str(upstream), "AUX_PORT": str(admin),
        "TLS_CERT": str(folder / "tls.crt"), "TLS_KEY": str(folder / "tls.key"), "JWT_PUB": str(folder / "jwt.pub"),
        "JWT_ISS": "https://idp.example", "JWT_AUD": "gateway", "WORKERS": str(os.cpu_count()),
        "TALLYGATE_BIN": str(BINARY), "TALLYGATE_END": "false", "TALLYGATE_RULES": "103"} | (changed or {})
    gateway = subprocess.Popen([str(HERE / "peer.sh")], env=environment)
    deadline = time.monotonic() + 60
    while gateway.poll() is None and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{admin}/readyz", timeout=5):
                return gateway
        except OSError:
            time.sleep(0.05)
    gateway.terminate()
    sys.exit("the gateway is not ready")


def decisions(admin):
    with urllib.request.urlopen(f"http://127.0.0.1:{admin}/metrics", timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return sum(int(float(line.split()[-1])) for line in lines if line.startswith("tallygate_requests_total{"))


def fill(folder, port, admin, tokens, wanted):
    """Loads the gateway until it has decided so often. Each thread of wrk takes the tokens in turn."""
    (folder / "ask.lua").write_text(
        "local tokens = {" + ",".join(json.dumps(token) for token in tokens) + "}\n"
        "local at = 0\n"
        "request = function()\n"
        "  at = at % #tokens + 1\n"
        "  local path = '/teams/' .. (at % 12) .. '/pages/' .. (at % 97)\n"
        "  return wrk.format('GET', path, {Host = 'localhost', Authorization = 'Bearer ' .. tokens[at]})\n"
        "end\n")
    began = time.monotonic()
    while (done := decisions(admin)) < wanted:
        rate = done / (time.monotonic() - began) if done else 20000
        seconds = max(1, min(60, int((wanted - done) / rate)))
        run("wrk", "-t1", "-c64", f"-d{seconds}s", "-s", folder / "ask.lua", f"https://localhost:{port}/")
        print(f"  {decisions(admin):>12,} decisions, {time.monotonic() - began:6.0f} s", file=sys.stderr, flush=True)
    return done, time.monotonic() - began


def measured(*command, fine=(0,)):
    """Output, seconds, processor seconds and MiB of a command that ends with one of these codes."""
    began = time.monotonic()
    process = subprocess.Popen([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    output = process.stdout.read()
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in fine:
        sys.exit(f"{' '.join(map(str, command))}: code {process.returncode}\n{said.decode()}{output.decode()[-2000:]}")
    return output, time.monotonic() - began, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def row(name, count, seconds, cpu, mib):
    print(f"| {name} | {seconds:.1f} | {count / seconds:,.0f} | {count / cpu:,.0f} | {mib:.0f} |", flush=True)


def changed_policy(site, file):
    """Some open, some close, most stay: team 3 is denied what the others may, and a path is open no more."""
    policy = json.loads((site / "policy.yaml").read_text())
    policy["rules"].append({"id": "not-three", "effect": "deny", "roles": ["team-3"], "resources": ["everything"],
                            "methods": ["any"]})
    file.write_text(json.dumps(policy))


def go_over(site, folder, count):
    total = sum(path.stat().st_size for path in (site / "journal").rglob("*") if path.is_file())
    print(f"\n{count:,} decisions, {total / 1e9:.2f} GB, {total / count:.0f} bytes each with everything around them\n")
    print("| | seconds | entries/s | entries/s of processor time | MiB resident at most |\n|---|---|---|---|---|")
    record = ("--journal", site / "journal", "--head", site / "head/head")
    root = ("--root", site / "provisioning.pub.pem")
    row("audit verify", count, *measured(BINARY, "audit", "verify", *record, *root, "--json")[1:])
    one = measured(BINARY, "audit", "verify", *record, *root, "--json", "--threads", "1")
    row("audit verify, one thread", count, *one[1:])
    changed_policy(site, folder / "changed.yaml")
    replayed = measured(BINARY, "policy", "replay", "-c", site / "gateway.yaml", "--policy", folder / "changed.yaml", "--json",
                        fine=(0, 1))
    row("policy replay", count, *replayed[1:])
    row("audit decisions", count, *measured(BINARY, "audit", "decisions", "-c", site / "gateway.yaml", "--json")[1:])
    costs = [measured(BINARY, "audit", "prove", "--journal", site / "journal", str(random.randrange(count)))
             for _ in range(20)]
    costs.sort(key=lambda cost: cost[2])
    print(f"\naudit prove: {1000 * costs[10][2]:.1f} ms of processor time in the middle of 20, {1000 * costs[-1][2]:.1f} ms at most,"
          f" {max(cost[3] for cost in costs):.0f} MiB; the whole command")
    summary = json.loads(replayed[0])
    print("replay:", json.dumps({name: value for name, value in summary.items() if isinstance(value, (int, float, dict))})[:600])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--decisions", type=int, default=10_000_000)
    parser.add_argument("--people", type=int, default=300)
    parser.add_argument("--folder", default="/var/tmp", help="on the disk under test")
    parser.add_argument("--keep", action="store_true", help="leave the folder with the journal")
    options = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (8192, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    folder = pathlib.Path(tempfile.mkdtemp(prefix="tallygate-scale-", dir=options.folder))
    folder.chmod(0o755)
    port, upstream, admin = free_port(), free_port(), free_port()
    make_keys(folder)
    tokens = [mint(folder / "jwt.key", person) for person in range(options.people)]
    running = []
    try:
        running.append(start_origin(folder, upstream))
        running.append(start_gateway(folder, port, upstream, admin))
        count, seconds = fill(folder, port, admin, tokens, options.decisions)
        print(f"filled in {seconds:.0f} s: {count / seconds:,.0f} decisions/s, each durable before its request went on")
        running[1].send_signal(signal.SIGTERM)
        running[1].wait(60)
        go_over(folder / "site", folder, count)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait(60)
        if options.keep:
            print(folder)
        else:
            shutil.rmtree(folder)


if __name__ == "__main__":
    main()
