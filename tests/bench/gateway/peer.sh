#!/bin/bash
# auth: bearer
# The gateway as one peer of a reverse-proxy benchmark: JWT identity, roles, signed durable journal, every request
# acknowledged before the upstream hears of it.
#
# Given in the environment: RUN (a folder on the disk under test), PORT, UPSTREAM_PORT, TLS_CERT, TLS_KEY, JWT_PUB (RSA,
# PEM), JWT_ISS, JWT_AUD, WORKERS; and, as wanted:
#   TALLYGATE_BIN          the binary; without it the release build of this checkout
#   TALLYGATE_RULES        rules in the policy, 3 without it: the others are for paths nobody asks for
#   TALLYGATE_ACKNOWLEDGE  before_upstream (without it), before_response or queued
#   TALLYGATE_END          true (without it) or false: whether the end of each request is an entry as well
#   TALLYGATE_PUBLIC       true: everybody may do everything below /public
#   TALLYGATE_ROUTES       routes, 1 without it: the others are for /app-N/** of the same host
#   TALLYGATE_ASSERTION    true (without it) or false: whether the application is told who asks by a signed assertion
#   TALLYGATE_USERS        local accounts user-N, whose password is "benchmark"; none without it
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
binary=${TALLYGATE_BIN:-$here/../../../build/release/bin/tallygate}
[ -x "$binary" ] || { echo "$binary is not there: build with 'cmake --preset release && cmake --build --preset release', or set TALLYGATE_BIN" >&2; exit 3; }
site=$RUN/site
rm -rf "$site"
TALLYGATE_PASSPHRASE=benchmark "$binary" init "$site" --host localhost > "$RUN/init.out"

python3 - "$site" <<'PYTHON'
import base64, hashlib, json, os, pathlib, subprocess, sys

site = pathlib.Path(sys.argv[1])
env = os.environ


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


modulus = subprocess.run(["openssl", "rsa", "-pubin", "-in", env["JWT_PUB"], "-noout", "-modulus"], check=True,
                         capture_output=True, text=True).stdout.strip().split("=")[1]
key = {"kty": "RSA", "kid": "bench", "use": "sig", "alg": "RS256", "e": "AQAB", "n": b64url(bytes.fromhex(modulus))}
(site / "keys.json").write_text(json.dumps({"keys": [key]}))

hosts = ["localhost"]
others = max(0, int(env.get("TALLYGATE_RULES", "3")) - 3)
resources = {"everything": {"hosts": hosts, "paths": ["/**"], "except": ["/admin", "/admin/**"]},
             "admin": {"hosts": hosts, "paths": ["/admin", "/admin/**"]}}
rules = [{"id": "read", "effect": "allow", "roles": ["reader"], "resources": ["everything"], "methods": ["read"]},
         {"id": "admin", "effect": "allow", "roles": ["admin"], "resources": ["admin"], "methods": ["any"]},
         {"id": "admin-only", "effect": "deny", "roles": ["guest"], "resources": ["admin"], "methods": ["any"]}]
roles = {"reader": {}, "admin": {}, "guest": {}}
bindings = [{"role": "reader", "groups": ["reader"]}, {"role": "admin", "groups": ["admin"]},
            {"role": "guest", "groups": ["guest"]}]
for number in range(others):
    name = f"team-{number}"
    resources[name] = {"hosts": hosts, "paths": [f"/teams/{number}/**"]}
    roles[name] = {}
    bindings.append({"role": name, "groups": [name]})
    rules.append({"id": name, "effect": "allow", "roles": [name], "resources": [name], "methods": ["any"]})
if env.get("TALLYGATE_PUBLIC") == "true":
    resources["public"] = {"hosts": hosts, "paths": ["/public/**"]}
    rules.append({"id": "public", "effect": "allow", "roles": ["everyone"], "resources": ["public"], "methods": ["any"]})
policy = {"version": 1, "policy": "benchmark", "roles": roles, "bindings": bindings, "resources": resources, "rules": rules}
(site / "policy.yaml").write_text(json.dumps(policy))

origin = {"name": "origin", "match": {"host": "localhost", "path": "/**"},
          "upstream": {"servers": [f"http://127.0.0.1:{env['UPSTREAM_PORT']}"]}}
routes = [{"name": f"app-{number}", "match": {"host": "localhost", "path": f"/app-{number}/**"}, "upstream": origin["upstream"]}
          for number in range(int(env.get("TALLYGATE_ROUTES", "1")) - 1)]
if env.get("TALLYGATE_ASSERTION") == "false":
    for route in [*routes, origin]:
        route["identity_headers"] = ["user", "email", "groups"]
settings = {
    "version": 1,
    "threads": int(env["WORKERS"]),
    "listen": {"https": f"127.0.0.1:{env['PORT']}", "admin": f"127.0.0.1:{env.get('AUX_PORT', '0')}"},
    "tls": {"certificates": [{"cert": env["TLS_CERT"], "key": env["TLS_KEY"]}], "minimum": "1.3"},
    "identity": {"jwt": [{"issuer": env["JWT_ISS"], "audience": env["JWT_AUD"], "algorithms": ["RS256"],
                          "jwks": f"file:{site}/keys.json", "groups_claim": "roles"}]},
    "policy": "policy.yaml",
    "routes": [*routes, origin],
    "audit": {"plugin": "journal", "acknowledge": env.get("TALLYGATE_ACKNOWLEDGE", "before_upstream"),
              "journal": {"path": "journal/", "head": "head/"},
              "record": {"end": env.get("TALLYGATE_END", "true") == "true"}},
    "limits": {"connections": 20000, "connections_per_address": 20000, "idle_upstreams": 256},
    "log": {"level": "warning"},
}
if int(env.get("TALLYGATE_USERS", "0")):
    salt = b"of the benchmark"
    digest = hashlib.scrypt(b"benchmark", salt=salt, n=1024, r=8, p=1, dklen=32)
    word = f"scrypt$1024$8$1${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"
    users = [{"name": f"user-{number}", "groups": ["reader"], "password": word} for number in range(int(env["TALLYGATE_USERS"]))]
    (site / "users.yaml").write_text(json.dumps({"version": 1, "users": users}))
    settings["identity"]["users"] = "users.yaml"
(site / "gateway.yaml").write_text(json.dumps(settings, indent=1))
PYTHON

exec "$binary" serve -c "$site/gateway.yaml"
