#!/bin/bash
# What a request costs, beside what else one could put there: the ratios of one run, in one table.
#
#   BENCH_DIR=/path/to/the/benchmarks tests/bench/gateway/run.sh [seconds a run] [repetitions]
#
# BENCH_DIR holds http/http_bench.py, which runs each peer in turn (A B C, C B A, …) behind the same load, the same
# certificate and the same origin, and charges every peer the processor time of its whole process tree. Needs root,
# nginx, haproxy, apache2 with mod_auth_openidc and wrk. TALLYGATE_BIN and the rest of peer.sh's variables count here too.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bench=${BENCH_DIR:?set BENCH_DIR to the folder of the reverse-proxy benchmarks (with http/http_bench.py in it)}
[ -f "$bench/http/http_bench.py" ] || { echo "no http/http_bench.py in $bench" >&2; exit 2; }
seconds=${1:-5}
repetitions=${2:-3}
results=$(mktemp -d)
trap 'rm -rf "$results"' EXIT
export BENCH_RESULTS=$results

python3 "$bench/http/http_bench.py" check --peers "$here/peer.sh"
python3 "$bench/http/http_bench.py" keepalive --secs "$seconds" --reps "$repetitions" \
  --peers "nginx-plain,nginx-authreq-204,haproxy-jwt,apache-oidc,$here/peer.sh"

python3 - "$results/keepalive.jsonl" <<'PYTHON'
import json, statistics, sys

cost, errors, noise = {}, {}, {}
for line in open(sys.argv[1]):
    run = json.loads(line)
    if run["us_req"] > 0:
        cost.setdefault(run["peer"], []).append(run["us_req"])
    errors[run["peer"]] = errors.get(run["peer"], 0) + sum(run["err"].values())
    noise.setdefault(run["peer"], []).append(run["foreign"])
if "peer" not in cost:
    sys.exit("the gateway was not measured")
ours = statistics.median(cost["peer"])
if any(errors.values()):
    print(f"\nErrors: {errors}. Is something else using the same ports? The figures below are worth nothing.")
limits = {"nginx-plain": (1.9, 1.4), "nginx-authreq-204": (0.95, 0.7), "haproxy-jwt": (0.75, 0.55), "apache-oidc": (0.27, 0.2)}
print(f"\nCPU per request, 1 KiB, 64 keep-alive TLS connections: gateway {ours:.1f} us, {errors['peer']} errors, "
      f"{100 * statistics.median(noise['peer']):.0f} % of the machine taken by others\n")
print("| against | us | ratio | must | aim | |\n|---|---|---|---|---|---|")
for peer, (must, aim) in limits.items():
    if peer not in cost:
        print(f"| {peer} | not measured | | {must} | {aim} | |")
        continue
    theirs = statistics.median(cost[peer])
    ratio = ours / theirs
    print(f"| {peer} | {theirs:.1f} | {ratio:.2f} | {must} | {aim} | {'aim' if ratio <= aim else 'must' if ratio <= must else 'missed'} |")
PYTHON
