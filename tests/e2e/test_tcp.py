"""TCP applications behind the gateway: `tallygate connect`, with PostgreSQL and SSH as they are installed."""

import glob
import os
import pwd
import shutil
import socket
import subprocess
import threading
import unittest
from pathlib import Path

from support import journal
from support.case import SiteCase
from support.pki import HOST
from support.site import Gateway
from support.upstreams import accepts, free_port, wait_until
from support.websocket import frame, read_frame
from test_websockets import UPGRADE

DB = "db.example.com"


class Echo:
    """A TCP server: bytes back as they came, and the end of them too."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self._listener.getsockname()[1]
        self.ended = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock):
        try:
            while data := sock.recv(65536):
                sock.sendall(data)
        except OSError:
            pass
        sock.close()
        self.ended += 1

    def stop(self):
        self._listener.close()


class Tcp(SiteCase):
    def tcp_site(self, port, **upstream):
        site = self.new_site()
        site.settings["limits"]["timeouts"]["drain"] = "1s"  # tunnels end with their clients
        site.settings["routes"].append({"name": "database", "match": {"host": DB},
                                        "upstream": {"servers": [f"tcp://127.0.0.1:{port}"], **upstream}})
        site.policy["resources"]["database"] = {"hosts": [DB], "paths": ["/"]}
        site.policy["rules"].append({"id": "use-database", "effect": "allow", "roles": ["writer"],
                                     "resources": ["database"], "methods": ["GET"]})
        site.write()
        return site

    def serve(self, site):
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        return gateway

    def command(self, site, *more, host=DB):
        return [os.environ["TALLYGATE_BIN"], "connect", f"{host}:{site.port}", "--gateway", f"127.0.0.1:{site.port}",
                "--ca", self.pki.path("ca.pem"), *more]

    def environment(self, site, token="ci"):
        return {**os.environ, "TALLYGATE_TOKEN": site.tokens[token]}

    def connect_once(self, site, data, token="ci", **options):
        return subprocess.run(self.command(site), input=data, capture_output=True, timeout=60, check=False,
                              env=self.environment(site, token), **options)

    def doorway(self, site, token="ci"):
        """`tallygate connect --listen`: (process, port)."""
        port = free_port()
        process = subprocess.Popen(self.command(site, "--listen", str(port)), env=self.environment(site, token),
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.stderr.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: process.poll() is not None or accepts(port), what="the doorway")
        self.assertIsNone(process.poll())
        return process, port

    def end_of(self, site, decision):
        def ends():
            return [entry for entry in journal.entries(site.journal)
                    if entry["kind"] == "access.end" and entry["of"] == decision["seq"]]

        wait_until(ends, what="the end is on record")
        return ends()[0]

    def allowed(self, site):
        return [entry for entry in journal.entries(site.journal)
                if entry["kind"] == "access.allow" and entry["resource"]["route"] == "database"]

    def test_bytes_and_their_end_go_through_both_ways_and_are_counted(self):
        echo = Echo()
        self.addCleanup(echo.stop)
        site = self.tcp_site(echo.port)
        with self.serve(site):
            for data in (b"", b"x", os.urandom(3_000_000)):
                done = self.connect_once(site, data)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
                self.assertEqual(done.stdout, data)
            decision = self.allowed(site)[-1]
            self.assertEqual((decision["actor"]["user"], decision["request"]["host"], decision["request"]["path"]),
                             ("ci", DB, "/"))
            end = self.end_of(site, decision)
            self.assertEqual((end["status"], end["ended"], end["bytes"]), (101, "complete",
                                                                          {"in": 3_000_000, "out": 3_000_000}))
        self.assert_sound(site)

    def test_who_may_not_is_told_and_the_application_hears_nothing(self):
        echo = Echo()
        self.addCleanup(echo.stop)
        site = self.tcp_site(echo.port)
        with self.serve(site):
            done = self.connect_once(site, b"x", token="robot")
            self.assertEqual((done.returncode, done.stdout), (1, b""))
            self.assertIn(b"403", done.stderr)
            site.tokens["ci"] = ""
            done = self.connect_once(site, b"x")
            self.assertEqual(done.returncode, 1)
            self.assertIn(b"TALLYGATE_TOKEN", done.stderr)
        self.assertEqual(echo.ended, 0)

    def test_what_is_no_websocket_is_refused_with_the_command_that_leads_there(self):
        echo = Echo()
        self.addCleanup(echo.stop)
        site = self.tcp_site(echo.port)
        with self.serve(site):
            answer = self.connect(site)
            answer.host = DB
            answer = answer.ask("GET", "/", [site.bearer("ci")])
            self.assertEqual(answer.status, 403)
            self.assertIn(f"tallygate connect {DB}".encode(), answer.body)
            self.assertEqual(self.decision(site, answer)["decision"]["reasons"], ["tcp"])
            gone = subprocess.run(self.command(site, host=HOST), input=b"", capture_output=True, timeout=60, check=False,
                                  env=self.environment(site))
            self.assertNotEqual(gone.returncode, 0)

    def raw(self, site):
        client = self.connect(site)
        client.host = DB
        client.send(client.request_bytes("GET", "/", [site.bearer("ci"), *UPGRADE]))
        answer = client.response()
        self.assertEqual(answer.status, 101)
        return client, self.decision(site, answer)

    def test_pings_are_answered_whether_or_not_the_application_speaks(self):
        echo = Echo()
        self.addCleanup(echo.stop)
        site = self.tcp_site(echo.port)
        with self.serve(site):
            client, _ = self.raw(site)
            for _ in range(3):
                client.send(frame(9, b"there?", os.urandom(4)))
                self.assertEqual(read_frame(client), (10, b"there?"))
            client.send(frame(2, b"data", os.urandom(4)))
            self.assertEqual(read_frame(client), (2, b"data"))

    def test_a_frame_that_is_none_ends_it(self):
        echo = Echo()
        self.addCleanup(echo.stop)
        site = self.tcp_site(echo.port)
        with self.serve(site):
            client, decision = self.raw(site)
            client.send(frame(1, b"text", os.urandom(4)))
            opcode, payload = read_frame(client)
            self.assertEqual((opcode, payload[:2]), (8, (1002).to_bytes(2, "big")))
            self.assertEqual(self.end_of(site, decision)["ended"], "client-malformed")

    def test_a_policy_that_changes_cuts_it_and_the_command_says_why(self):
        echo = Echo()
        self.addCleanup(echo.stop)
        site = self.tcp_site(echo.port)
        with self.serve(site) as gateway:
            process = subprocess.Popen(self.command(site), env=self.environment(site), stdin=subprocess.PIPE,
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            self.addCleanup(process.kill)
            process.stdin.write(b"hello")
            process.stdin.flush()
            self.assertEqual(process.stdout.read(5), b"hello")
            site.policy["rules"] = [rule for rule in site.policy["rules"] if rule["id"] != "use-database"]
            site.write()
            gateway.reload()
            out, errors = process.communicate(timeout=30)
            self.assertEqual((process.returncode, out), (1, b""))
            self.assertIn(b"policy-changed", errors)
            self.assertEqual(self.end_of(site, self.allowed(site)[0])["ended"], "policy-changed")

    def test_an_application_that_is_not_there_is_a_failure_that_is_named(self):
        site = self.tcp_site(free_port())
        with self.serve(site):
            done = self.connect_once(site, b"x")
            self.assertEqual(done.returncode, 3)
            self.assertIn(b"502", done.stderr)

    def test_a_certificate_of_somebody_else_is_not_believed(self):
        site = self.tcp_site(free_port())
        with self.serve(site):
            done = subprocess.run(self.command(site, host="other.example.net"), capture_output=True, timeout=60,
                                  check=False, stdin=subprocess.DEVNULL, env=self.environment(site))
            self.assertEqual(done.returncode, 3)
            self.assertEqual(journal.size(site.journal), len(journal.entries(site.journal)))
            self.assertEqual([entry for entry in journal.entries(site.journal) if entry["kind"] == "access.allow"], [])

    def test_postgresql_answers_through_a_local_port(self):
        bin_folder = Path(sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1])
        data = self.folder / "pg"
        data.mkdir(mode=0o700)
        user = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        if os.geteuid() == 0:
            self.folder.chmod(0o711)
            shutil.chown(data, "postgres", "postgres")
        prefix = ["runuser", "-u", user, "--"] if os.geteuid() == 0 else []
        port = free_port()
        made = subprocess.run([*prefix, bin_folder / "initdb", "-D", data, "-A", "trust", "-U", "tester", "-N"],
                              capture_output=True, text=True, timeout=120, check=False, cwd="/")
        self.assertEqual(made.returncode, 0, made.stderr)
        log = open(self.folder / "pg.log", "wb")
        self.addCleanup(log.close)
        server = subprocess.Popen([*prefix, bin_folder / "postgres", "-D", data, "-p", str(port), "-k", "", "-h", "127.0.0.1",
                                   "-F"], stdout=log, stderr=log, cwd="/")
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        wait_until(lambda: accepts(port), 60, "PostgreSQL")
        site = self.tcp_site(port)
        with self.serve(site):
            process, local = self.doorway(site)
            for _ in range(2):
                done = subprocess.run([bin_folder / "psql", "-h", "127.0.0.1", "-p", str(local), "-U", "tester", "-d", "postgres", "-At",
                                       "-c", "select count(*), sum(length(repeat('x', 1000))) from generate_series(1, 5000)"],
                                      capture_output=True, text=True, timeout=60, check=False)
                self.assertEqual((done.returncode, done.stdout), (0, "5000|5000000\n"), done.stderr)
            process.terminate()
            self.assertEqual(process.wait(20), 0)
            # The doorway was tried once by the test itself before psql came.
            self.assertGreaterEqual(len(self.allowed(site)), 2)

    def test_ssh_goes_through_as_its_proxy_command(self):
        root = self.folder / "ssh"
        root.mkdir(mode=0o700)
        for name in ("host", "user"):
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", root / name], check=True, timeout=60)
        shutil.copy(root / "user.pub", root / "authorized")
        port = free_port()
        (root / "sshd_config").write_text(
            f"Port {port}\nListenAddress 127.0.0.1\nHostKey {root}/host\nAuthorizedKeysFile {root}/authorized\n"
            f"PidFile {root}/pid\nUsePAM no\nStrictModes no\nPasswordAuthentication no\nPermitRootLogin yes\n")
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        log = open(root / "log", "wb")
        self.addCleanup(log.close)
        server = subprocess.Popen(["/usr/sbin/sshd", "-D", "-e", "-f", root / "sshd_config"], stdout=log, stderr=log)
        self.addCleanup(server.wait)
        self.addCleanup(server.terminate)
        wait_until(lambda: server.poll() is not None or accepts(port), what="sshd")
        self.assertIsNone(server.poll(), (root / "log").read_text())
        site = self.tcp_site(port)
        with self.serve(site):
            proxy = " ".join(self.command(site))
            done = subprocess.run(
                ["ssh", "-F", "none", "-i", root / "user", "-o", f"ProxyCommand={proxy}", "-o", "StrictHostKeyChecking=no",
                 "-o", f"UserKnownHostsFile={root}/known", "-o", "BatchMode=yes", pwd.getpwuid(os.geteuid()).pw_name + "@" + DB,
                 "head -c 1000000 /dev/zero | wc -c; cat"], input=b"typed", capture_output=True, timeout=60, check=False,
                env=self.environment(site))
            self.assertEqual((done.returncode, done.stdout), (0, b"1000000\ntyped"), done.stderr + (root / "log").read_bytes())
            # ssh ends its proxy command when it has what it wanted.
            self.assertIn(self.end_of(site, self.allowed(site)[0])["ended"], ("complete", "client-closed"))


if __name__ == "__main__":
    unittest.main()
