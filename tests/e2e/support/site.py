"""A provisioned site in a folder, and the gateway that serves it."""

import base64
import hashlib
import http.client
import json
import os
import re
import secrets
import signal
import subprocess
from pathlib import Path

from .pki import CLIENT_URI, HOST
from .upstreams import free_port, wait_until

PASSWORDS = {"alice": "alice and the rabbit", "bob": "bob builds houses", "carol": "carol counts to ten"}
READY_S = 30
STOP_S = 40

POLICY = {
    "version": 1,
    "policy": "end-to-end",
    "roles": {"reader": {}, "writer": {"includes": ["reader"]}, "admin": {"includes": ["writer"]}},
    "bindings": [
        {"role": "reader", "groups": ["staff"]},
        {"role": "reader", "users": [CLIENT_URI]},
        {"role": "writer", "groups": ["editors"]},
        {"role": "admin", "groups": ["admins"]},
    ],
    "resources": {
        "pages": {"hosts": [HOST], "paths": ["/**"], "except": ["/admin/**", "/public/**"]},
        "admin": {"hosts": [HOST], "paths": ["/admin/**"]},
        "public": {"hosts": [HOST], "paths": ["/public/**"]},
        "vault": {"hosts": [HOST], "paths": ["/vault/**"]},
    },
    "rules": [
        {"id": "read-pages", "effect": "allow", "roles": ["reader"], "resources": ["pages"], "methods": ["read"]},
        {"id": "write-pages", "effect": "allow", "roles": ["writer"], "resources": ["pages"], "methods": ["write"]},
        {"id": "admin-pages", "effect": "allow", "roles": ["admin"], "resources": ["admin"], "methods": ["any"]},
        {"id": "public-pages", "effect": "allow", "roles": ["everyone"], "resources": ["public"], "methods": ["any"]},
        {"id": "vault-closed", "effect": "deny", "roles": ["everyone"], "resources": ["vault"], "methods": ["any"],
         "message": "The vault opens for nobody. Ask the keeper."},
    ],
}


def scrypt(password):
    """A hash for users.yaml, as cheap as the gateway takes."""
    salt = secrets.token_bytes(16)
    digest = hashlib.scrypt(password.encode(), salt=salt, n=1024, r=8, p=1, dklen=32)
    return f"scrypt$1024$8$1${base64.b64encode(salt).decode()}${base64.b64encode(digest).decode()}"


def tallygate(*arguments, **options):
    """Runs one command; the finished process, output as text."""
    return subprocess.run([os.environ["TALLYGATE_BIN"], *map(str, arguments)], capture_output=True, text=True,
                          timeout=options.pop("timeout", 120), check=False, **options)


class Site:
    """A folder that `tallygate init` made, with the configuration of the tests written over what it wrote there.

    `settings` is gateway.yaml as a dict (JSON is YAML); change it before the gateway starts, or write() and reload.
    """

    def __init__(self, root, pki, upstream_port):
        self.root = Path(root)
        self.pki = pki
        made = tallygate("init", self.root, "--host", HOST,
                         env={**os.environ, "TALLYGATE_PASSPHRASE": "a passphrase of the tests"})
        if made.returncode != 0:
            raise AssertionError(f"tallygate init: exit {made.returncode}: {made.stdout} {made.stderr}")
        self.journal = self.root / "journal"
        self.head = self.root / "head" / "head"
        self.root_key = self.root / "provisioning.pub.pem"
        self.tokens = {"ci": "tg_" + secrets.token_urlsafe(32), "robot": "tg_" + secrets.token_urlsafe(32)}
        self.policy = json.loads(json.dumps(POLICY))
        self.settings = self._settings(upstream_port)
        self.write()

    def _settings(self, upstream_port):
        server = f"http://127.0.0.1:{upstream_port}"
        return {
            "version": 1,
            "gateway": "e2e",
            "threads": 2,
            "listen": {"https": f"127.0.0.1:{free_port()}", "admin": f"127.0.0.1:{free_port()}"},
            "tls": {"certificates": [{"cert": self.pki.path("server.pem"), "key": self.pki.path("server.key")}],
                    "client_ca": self.pki.path("ca.pem")},
            "identity": {
                "users": "users.yaml", "tokens": "tokens.yaml", "mtls": {"subject_from": "san_uri"},
                "jwt": [{"issuer": self.pki.issuer.issuer, "audience": "tallygate",
                         "jwks": "file:" + self.pki.issuer.jwks}],
            },
            "policy": "policy.yaml",
            "routes": [{"name": "wiki", "match": {"host": HOST, "path": "/**"}, "upstream": {"servers": [server]},
                        "websocket": True}],
            # In the clear, so that tests can read the record with sqlite3 alone; test_erase.py leaves `seal` as it is.
            "audit": {"plugin": "journal", "journal": {"path": "journal/", "head": "head/", "seal": False}},
            "limits": {"timeouts": {"record": "2s", "drain": "20s"}},
            "log": {"format": "json"},
        }

    def write(self):
        """Writes every file anew from `settings`, `policy` and `tokens`."""
        users = [{"name": "alice", "groups": ["staff", "editors"]}, {"name": "bob", "groups": ["staff"]},
                 {"name": "carol", "groups": ["admins"]}]
        for user in users:
            user.update(email=f"{user['name']}@example.com", password=scrypt(PASSWORDS[user["name"]]))
        tokens = [{"name": name, "sha256": hashlib.sha256(token.encode()).hexdigest(),
                   "groups": ["staff", "editors"] if name == "ci" else ["staff"]}
                  for name, token in self.tokens.items()]
        self._put("users.yaml", {"version": 1, "users": users})
        self._put("tokens.yaml", {"version": 1, "tokens": tokens})
        self._put("policy.yaml", self.policy)
        self._put("gateway.yaml", self.settings)

    def _put(self, name, value):
        (self.root / name).write_text(json.dumps(value, indent=1))

    @property
    def port(self):
        return int(self.settings["listen"]["https"].split(":")[1])

    @property
    def admin_port(self):
        return int(self.settings["listen"]["admin"].split(":")[1])

    @property
    def config(self):
        return str(self.root / "gateway.yaml")

    def bearer(self, name="robot"):
        return ("Authorization", f"Bearer {self.tokens[name]}")


class Gateway:
    """`tallygate serve` of a site. A context manager: started and ready inside, stopped in order after."""

    def __init__(self, site, wait_ready=True):
        self.site = site
        self.log_path = site.root / "gateway.log"
        self._log = open(self.log_path, "ab")
        self.process = subprocess.Popen([os.environ["TALLYGATE_BIN"], "serve", "-c", site.config],
                                        stdout=self._log, stderr=self._log)
        try:
            self._wait(wait_ready)
        except BaseException:
            self.kill()
            raise

    def _wait(self, wait_ready):
        def up():
            if self.process.poll() is not None:
                raise AssertionError(f"the gateway ended with {self.process.returncode}: {self.log_tail()}")
            status = self.admin("/readyz" if wait_ready else "/healthz")[0]
            return status == 200

        try:
            wait_until(up, READY_S, "the gateway is ready")
        except AssertionError as late:
            raise AssertionError(f"{late}: {self.log_tail()}") from None

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is None:
            self.stop()
        else:
            self.kill()

    def log_tail(self, size=3000):
        return self.log_path.read_text(errors="replace")[-size:]

    def log_size(self):
        return self.log_path.stat().st_size

    def log_since(self, size):
        with open(self.log_path, "rb") as log:
            log.seek(size)
            return log.read().decode(errors="replace")

    def admin(self, path, headers=None):
        """GET of the admin listener: (status, body), or (0, why) where nobody answers."""
        connection = http.client.HTTPConnection("127.0.0.1", self.site.admin_port, timeout=10)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            return answer.status, answer.read().decode()
        except OSError as gone:
            return 0, str(gone)
        finally:
            connection.close()

    def ready(self):
        return self.admin("/readyz")[0] == 200

    def metric(self, name):
        """A number of /metrics that has no labels."""
        found = re.search(rf"^{name} (\S+)$", self.admin("/metrics")[1], re.MULTILINE)
        if found is None:
            raise AssertionError(f"no metric {name}")
        return int(float(found[1]))

    def has_clients(self):
        """Whether it serves any connection: what has left behind a request that goes on counts until that is over."""
        return self.process.poll() is None and self.metric("tallygate_connections_open") > 0

    def reload(self):
        """Sends SIGHUP; what was logged since, once something was."""
        size = self.log_size()
        self.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.log_size() > size, what="the gateway says something about the reload")
        return self.log_since(size)

    def rss_kib(self):
        return self._status("VmRSS")

    def peak_rss_kib(self):
        return self._status("VmHWM")

    def _status(self, name):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith(name + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {name} of the gateway")

    def stop(self):
        """SIGTERM; fails unless the gateway ends by itself with 0."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                tail = self.log_tail()
                self.kill()
                raise AssertionError(f"the gateway does not end after SIGTERM: {tail}") from None
        self._log.close()
        if self.process.returncode != 0:
            raise AssertionError(f"the gateway ended with {self.process.returncode}: {self.log_tail()}")

    def kill(self):
        """SIGKILL, and wait for the end."""
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(20)
        self._log.close()
