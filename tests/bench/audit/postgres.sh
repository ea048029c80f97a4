#!/usr/bin/env bash
# Rows of an access decision's size into PostgreSQL 15 with synchronous_commit=on, each in its own transaction, by 64
# clients: what a gateway would have that wrote its record there, unsigned. Beside it: journal_bench 10 3 64.
#   tests/bench/audit/postgres.sh [seconds] [clients]        needs Debian's postgresql-15; figures, never assertions
set -euo pipefail

seconds="${1:-20}"
clients="${2:-64}"
bin=/usr/lib/postgresql/15/bin
if [[ ! -x "$bin/initdb" ]]; then
  echo "postgres.sh: install postgresql-15 first" >&2
  exit 1
fi
work="$(mktemp -d)"
as=()
if ((EUID == 0)); then
  chown postgres "$work"
  as=(runuser -u postgres --)
fi
cleanup() {
  "${as[@]}" "$bin/pg_ctl" --pgdata="$work/data" --mode=immediate --silent stop || true
  rm -rf "$work"
}
trap cleanup EXIT

cd "$work"
"${as[@]}" "$bin/initdb" --pgdata="$work/data" --auth=trust --username=bench >initdb.log
"${as[@]}" "$bin/pg_ctl" --pgdata="$work/data" --wait --silent --log="$work/log" start \
  --options="-k $work -c listen_addresses= -c synchronous_commit=on -c max_connections=200 -c shared_buffers=256MB"
run=("${as[@]}" env PGHOST="$work" PGUSER=bench PGDATABASE=postgres)
# 995 bytes: what journal_bench's sample is when it is whole.
body="$(head -c 995 /dev/zero | tr '\0' 'x')"
"${run[@]}" psql --quiet --command='CREATE TABLE entry (seq bigserial PRIMARY KEY, body bytea NOT NULL)'
printf "INSERT INTO entry (body) VALUES ('%s');\n" "$body" >insert.sql
"${run[@]}" "$bin/pgbench" --no-vacuum --client="$clients" --jobs=2 --protocol=prepared --time="$seconds" \
  --file="$work/insert.sql" | grep -E '^(tps|latency average|number of transactions actually)'
