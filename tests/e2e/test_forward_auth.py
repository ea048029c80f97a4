"""Other proxies that ask before they forward: nginx and Caddy as they are installed, Traefik's and Envoy's calls by hand."""

import json
import os
import subprocess
import unittest
import urllib.parse

from support import journal
from support.case import SiteCase
from support.pki import HOST
from support.site import PASSWORDS, Gateway, tallygate
from support.upstreams import accepts, free_port, wait_until
from support.wire import Client, client_context
from test_login import Form

TOLD = ["X-Forwarded-User", "X-Forwarded-Email", "X-Forwarded-Groups", "X-Tallygate-Assertion"]


class Proxy:
    """A proxy in the foreground, stopped with the test."""

    def __init__(self, command, port, log, environment=None):
        with open(log, "ab") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=out, env=environment)
        try:
            wait_until(lambda: self.process.poll() is not None or accepts(port), what=command[0])
            if self.process.poll() is not None:
                raise AssertionError(f"{command[0]} does not start: {log.read_text()[-2000:]}")
        except BaseException:
            self.stop()
            raise

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(20)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(20)


class ForwardAuth(SiteCase):
    def setUp(self):
        self.app.clear()

    def asked_site(self, caller):
        """A gateway that only decides; the requests are forwarded by whoever asks from 127.0.0.1."""
        site = self.new_site()
        site.settings["forward_auth"] = [{"from": ["127.0.0.1"], "caller": caller}]
        site.settings["trusted_proxies"] = ["127.0.0.1"]
        site.settings["routes"] = [{"name": "wiki", "match": {"host": HOST, "path": "/**"}, "external": True}]
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        return site, gateway

    def finish(self, site, gateway):
        """Nothing of all this makes a finding."""
        gateway.stop()
        self.assert_sound(site)
        done = tallygate("audit", "decisions", "-c", site.config, "--root", site.root_key)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-1000:])

    def nginx(self, site):
        """nginx as one would write it by the manual of the gateway."""
        root = self.folder / f"nginx{site.port}"
        root.mkdir()
        port = free_port()
        user = "user root;\n" if os.geteuid() == 0 else ""
        copies = "".join(f"      auth_request_set $told_{at} $upstream_http_{name.lower().replace('-', '_')};\n"
                         f"      proxy_set_header {name} $told_{at};\n" for at, name in enumerate(TOLD))
        (root / "nginx.conf").write_text(f"""{user}daemon off; worker_processes 1; pid nginx.pid;
events {{ worker_connections 256; }}
http {{
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi; access_log off;
  server {{
    listen 127.0.0.1:{port} ssl;
    server_name {HOST};
    ssl_certificate {self.pki.path("server.pem")};
    ssl_certificate_key {self.pki.path("server.key")};
    location / {{
      auth_request /ask;
      auth_request_set $login $upstream_http_location;
{copies}
      error_page 401 = @login;
      proxy_pass http://127.0.0.1:{self.app.port};
      proxy_set_header Host $http_host;
    }}
    location @login {{
      if ($login = "") {{ return 401; }}
      return 303 $login;
    }}
    location = /ask {{
      internal;
      proxy_pass https://127.0.0.1:{site.port}/.tallygate/authorize;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-Original-Method $request_method;
      proxy_set_header X-Original-URL https://$http_host$request_uri;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
    location /.tallygate/ {{
      proxy_pass https://127.0.0.1:{site.port};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $remote_addr;
    }}
  }}
}}
""")
        proxy = Proxy(["nginx", "-c", str(root / "nginx.conf"), "-p", str(root), "-e", str(root / "error.log")],
                      port, root / "out.log")
        self.addCleanup(proxy.stop)
        return port

    def caddy(self, site):
        root = self.folder / f"caddy{site.port}"
        root.mkdir()
        port = free_port()
        (root / "Caddyfile").write_text(f"""{{
  admin off
  auto_https off
  storage file_system {root}/storage
}}
https://{HOST}:{port} {{
  bind 127.0.0.1
  tls {self.pki.path("server.pem")} {self.pki.path("server.key")}
  handle /.tallygate/* {{
    reverse_proxy https://127.0.0.1:{site.port} {{
      transport http {{
        tls_trusted_ca_certs {self.pki.path("ca.pem")}
      }}
    }}
  }}
  handle {{
    forward_auth https://127.0.0.1:{site.port} {{
      uri /.tallygate/authorize
      copy_headers {" ".join(TOLD)}
      transport http {{
        tls_trusted_ca_certs {self.pki.path("ca.pem")}
      }}
    }}
    reverse_proxy http://127.0.0.1:{self.app.port}
  }}
}}
""")
        environment = {**os.environ, "XDG_DATA_HOME": str(root), "XDG_CONFIG_HOME": str(root), "HOME": str(root)}
        proxy = Proxy(["caddy", "run", "--config", str(root / "Caddyfile"), "--adapter", "caddyfile"], port,
                      root / "out.log", environment)
        self.addCleanup(proxy.stop)
        return port

    def client(self, port):
        client = Client(self.pki, port, context=client_context(self.pki))
        client.host = f"{HOST}:{port}"
        self.addCleanup(client.close)
        return client

    def curl(self, port, path, jar, *options):
        done = subprocess.run(
            ["curl", "-sS", "--http1.1", "--cacert", self.pki.path("ca.pem"), "--resolve", f"{HOST}:{port}:127.0.0.1",
             "-b", jar, "-c", jar, "-H", "Accept: text/html", "-w", "\n%{http_code} %{redirect_url}", *options,
             f"https://{HOST}:{port}{path}"], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        body, _, last = done.stdout.rpartition("\n")
        status, _, target = last.partition(" ")
        return int(status), target, body

    def behind(self, port, site):
        """What holds behind every proxy that asks."""
        # A token that may read: the application is told who by the gateway, whatever the client claims.
        client = self.client(port)
        forged = [(name, "mallory") for name in TOLD]
        answer = client.ask("GET", "/headers?a=1", [site.bearer("ci"), *forged])
        self.assertEqual(answer.status, 200, answer.body)
        told = {name.lower(): value for name, value in json.loads(answer.body)}
        self.assertEqual(told["x-forwarded-user"], "ci")
        self.assertEqual(told["x-forwarded-groups"], "staff,editors")
        self.assertEqual(told["x-tallygate-assertion"].count("."), 2)
        self.assertNotIn("mallory", answer.body.decode())
        # Nobody, where everybody may: no name that the client chose comes through.
        answer = client.ask("GET", "/public/x", forged)
        self.assertEqual(answer.status, 200)
        self.assertNotIn("mallory", str(self.app.requests[-1].headers))
        # What the client says about the method, the host or the path is not believed.
        seen = len(self.app.requests)
        for lie in (("X-Forwarded-Method", "GET"), ("X-Original-Method", "GET"), ("X-Forwarded-Uri", "/public/x"),
                    ("X-Original-URL", f"https://{HOST}/public/x"), ("X-Forwarded-Host", "public.example.com")):
            for method, path, who in (("POST", "/pages/1", [site.bearer("robot")]), ("GET", "/admin/x", []),
                                      ("GET", "/vault/x", [site.bearer("ci")])):
                with self.subTest(lie=lie, method=method, path=path):
                    answer = self.client(port).ask(method, path, [lie, *who], b"x" if method == "POST" else None)
                    self.assertIn(answer.status, (401, 403))
        self.assertEqual(len(self.app.requests), seen, "nothing of that reached the application")
        self.person(port)
        self.recorded(site)

    def person(self, port):
        """A browser is sent to the login, comes back, and is let in."""
        jar = str(self.folder / f"{port}.jar")
        status, target, _ = self.curl(port, "/pages/1?x=y", jar)
        self.assertEqual(status, 303)
        self.assertTrue(target.startswith(f"https://{HOST}:{port}/.tallygate/login?"), target)
        form = Form(self.curl(port, target.removeprefix(f"https://{HOST}:{port}"), jar)[2])
        fields = {**form.fields, "user": "alice", "password": PASSWORDS["alice"]}
        status, target, _ = self.curl(port, form.attributes.get("action") or "/.tallygate/login", jar, "-H",
                                      f"Origin: https://{HOST}:{port}", "-d", urllib.parse.urlencode(fields))
        self.assertEqual((status, target), (303, f"https://{HOST}:{port}/pages/1?x=y"))
        status, _, body = self.curl(port, "/headers", jar)
        self.assertEqual(status, 200)
        told = {name.lower(): value for name, value in json.loads(body)}
        self.assertEqual((told["x-forwarded-user"], told["x-forwarded-email"]), ("alice", "alice@example.com"))

    def recorded(self, site):
        entries = [entry for entry in journal.entries(site.journal) if entry["kind"].startswith("access.")]
        self.assertEqual({entry["kind"] for entry in entries}, {"access.allow", "access.deny"})
        for entry in entries:
            self.assertEqual(entry["request"]["via"], "forward-auth")
        by_ci = [entry for entry in entries if entry["actor"].get("user") == "ci"]
        self.assertEqual((by_ci[0]["kind"], by_ci[0]["request"]["path"], by_ci[0]["request"]["host"]),
                         ("access.allow", "/headers", HOST))
        posted = [entry for entry in entries if entry["request"]["method"] == "POST"]
        self.assertEqual({entry["kind"] for entry in posted}, {"access.deny"})

    def test_behind_nginx(self):
        site, gateway = self.asked_site("nginx")
        self.behind(self.nginx(site), site)
        self.finish(site, gateway)

    def test_behind_caddy(self):
        site, gateway = self.asked_site("caddy")
        self.behind(self.caddy(site), site)
        self.finish(site, gateway)

    # Calls as Traefik and Envoy make them.

    def ask_gateway(self, site, method, target, headers, host=HOST, certificate=None):
        with Client(self.pki, site.port, context=client_context(self.pki, certificate=certificate)) as client:
            client.host = host
            return client.ask(method, target, headers)

    def test_traefik_is_told_the_answer_and_passes_refusals_on(self):
        site, gateway = self.asked_site("traefik")

        def ask(method, path, *more):
            return self.ask_gateway(site, "GET", "/.tallygate/authorize", [
                ("X-Forwarded-Method", method), ("X-Forwarded-Host", HOST), ("X-Forwarded-Uri", path),
                ("X-Forwarded-Proto", "https"), ("X-Forwarded-For", "203.0.113.5"), *more], host="gateway.internal")

        answer = ask("GET", "/pages/1", site.bearer())
        self.assertEqual((answer.status, answer.get("X-Forwarded-User")), (200, "robot"))
        self.assertEqual(self.decision(site, answer)["client"]["address"], "203.0.113.5")
        self.assertEqual(self.decision(site, answer)["client"]["peer"], "127.0.0.1")
        refused = ask("POST", "/pages/1", site.bearer())
        self.assertEqual(refused.status, 403)
        self.assertIn(b"reason", refused.body)
        login = ask("GET", "/pages/1", ("Accept", "text/html"))
        self.assertEqual(login.status, 303)
        self.assertTrue(login.get("Location").startswith(f"https://{HOST}/.tallygate/login?"))
        # A HEAD that is asked about with GET: the answer ends where it says.
        head = ask("HEAD", "/vault/x", site.bearer())
        self.assertEqual(head.status, 403)
        self.assertEqual(len(head.body), int(head.get("Content-Length")))
        self.assertEqual(ask("GET", "/.tallygate/login", site.bearer()).status, 404)
        self.assertEqual(ask("GET", "/public/../admin/x").status, 401)
        for path in ("/a%2fb", "*", "x", "https://wiki.example.com/public/x"):
            self.assertEqual(ask("GET", path, site.bearer()).status, 400, path)
        self.finish(site, gateway)

    def test_envoy_calls_with_the_requests_own_method_host_and_path(self):
        site, gateway = self.asked_site("envoy")
        for method, path, status in (("GET", "/pages/1?x=1", 200), ("PUT", "/pages/1", 403), ("GET", "/vault/1", 403)):
            answer = self.ask_gateway(site, method, "/.tallygate/authorize" + path,
                                      [site.bearer(), ("Content-Length", "0")])
            self.assertEqual(answer.status, status, path)
            entry = self.decision(site, answer)
            self.assertEqual((entry["request"]["method"], entry["request"]["path"]), (method, path.split("?")[0]))
        self.finish(site, gateway)

    def test_who_is_not_configured_to_ask_is_refused_and_on_record(self):
        site = self.new_site()
        site.settings["forward_auth"] = [{"from": ["192.0.2.1"], "caller": "traefik"}]
        site.settings["trusted_proxies"] = ["127.0.0.1"]  # which lets nobody ask
        site.write()
        told = [("X-Forwarded-Method", "GET"), ("X-Forwarded-Host", HOST), ("X-Forwarded-Uri", "/public/x"),
                ("X-Forwarded-For", "192.0.2.1")]
        with Gateway(site):
            answer = self.ask_gateway(site, "GET", "/.tallygate/authorize", told)
            self.assertEqual(answer.status, 403)
            self.assertIsNone(answer.get("X-Forwarded-User"))
            self.assertEqual(self.decision(site, answer)["decision"]["reasons"], ["forward-auth-caller"])
        plain = self.new_site()
        with Gateway(plain):
            self.assertEqual(self.ask_gateway(plain, "GET", "/.tallygate/authorize", told).status, 404)

    def test_a_proxys_own_certificate_is_nobodys_behind_it(self):
        site, gateway = self.asked_site("envoy")
        answer = self.ask_gateway(site, "GET", "/.tallygate/authorize/pages/1", [], certificate="client")
        self.assertEqual(answer.status, 401)
        self.finish(site, gateway)

    def test_where_a_certificate_must_be_shown_no_other_proxy_can_vouch_for_it(self):
        site = self.new_site()
        site.settings["forward_auth"] = [{"from": ["127.0.0.1"], "caller": "traefik"}]
        site.settings["tls"] |= {"client_certificates": "none",
                                 "hosts": [{"host": HOST, "client_certificates": "required"}]}
        site.write()
        with Gateway(site):
            with Client(self.pki, site.port, host="gateway.example.com", context=client_context(self.pki)) as client:
                answer = client.ask("GET", "/.tallygate/authorize", [
                    ("X-Forwarded-Method", "GET"), ("X-Forwarded-Host", HOST), ("X-Forwarded-Uri", "/public/x")])
            self.assertEqual(answer.status, 421)
            self.assertEqual(self.decision(site, answer)["decision"]["reasons"], ["misdirected"])

    def test_a_route_that_another_proxy_forwards_is_not_forwarded_here(self):
        site, gateway = self.asked_site("nginx")
        answer = self.ask(site, "GET", "/public/x")
        self.assertEqual(answer.status, 421)
        self.assertEqual(self.decision(site, answer)["decision"]["reasons"], ["external"])
        self.finish(site, gateway)


if __name__ == "__main__":
    unittest.main()
