"""Several servers of a route: nginx that dies, hangs, answers 503 and comes back, and what clients notice of it."""

import os
import re
import signal
import socket
import subprocess
import threading
import unittest
from collections import Counter

from support import journal
from support.case import SiteCase
from support.site import Gateway
from support.upstreams import App, accepts, free_port, wait_until
from support.wire import Client, ProtocolError, Reader, client_context


class Server:
    """nginx that says its name; files beside it make it ill, or answer 503. It can die and come back."""

    def __init__(self, root, name, http2=False):
        self.root = root / name
        self.root.mkdir(parents=True)
        self.name = name
        self.port = free_port()
        self.process = None
        user = "user root;\n" if os.geteuid() == 0 else ""
        (self.root / "nginx.conf").write_text(f"""{user}daemon off; worker_processes 1; pid nginx.pid;
events {{ worker_connections 512; }}
http {{
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi; default_type text/plain; keepalive_requests 100000;
  log_format one '$request_method $uri $status';
  access_log access.log one;
  server {{
    listen 127.0.0.1:{self.port}{" http2" if http2 else ""} backlog=512;
    location = /healthz {{
      if (-f {self.root}/ill) {{ return 500; }}
      return 200 "well\\n";
    }}
    location / {{
      if (-f {self.root}/broken) {{ return 503; }}
      return 200 "{name}\\n";
    }}
  }}
}}
""")
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            ["nginx", "-c", str(self.root / "nginx.conf"), "-p", str(self.root), "-e", str(self.root / "error.log")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
        wait_until(lambda: accepts(self.port), what=f"nginx {self.name}")

    def signal(self, number):
        """To nginx and its worker."""
        os.killpg(self.process.pid, number)

    def die(self):
        if self.process.poll() is None:
            self.signal(signal.SIGKILL)
            self.process.wait(20)
        wait_until(lambda: not accepts(self.port), what=f"nginx {self.name} is gone")

    def mark(self, what, on=True):
        path = self.root / what
        path.touch() if on else path.unlink()

    def requests(self, path=None):
        """What its log has, but for health checks."""
        log = self.root / "access.log"
        lines = log.read_text().splitlines() if log.exists() else []
        return [line for line in lines if " /healthz " not in line and (path is None or f" {path} " in line)]

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"


class Cutter:
    """An application that reads a request's head, notes it, and ends the connection without an answer."""

    def __init__(self):
        self.heads = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def _serve(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock:
                try:
                    head = Reader(sock).head()
                except (ProtocolError, OSError):
                    continue
                if head is not None:
                    self.heads.append(head.method)

    def stop(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(10)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"


class Load(threading.Thread):
    """One client that asks one request after another until it is told to stop."""

    def __init__(self, case, site):
        super().__init__(daemon=True)
        self.case, self.site = case, site
        self.answers = Counter()
        self.ids = []
        self.stopping = False
        self.failure = None

    def run(self):
        try:
            with Client(self.case.pki, self.site.port, context=client_context(self.case.pki)) as client:
                while not self.stopping:
                    answer = client.ask("GET", "/load", [self.site.bearer()])
                    self.answers[(answer.status, answer.body.decode().strip())] += 1
                    self.ids.append(answer.request_id)
        except Exception as broken:  # told by the test, which runs in another thread
            self.failure = broken


class Upstreams(SiteCase):
    def servers(self, count=2, http2=False):
        self._folders = getattr(self, "_folders", 0) + 1
        root = self.folder / f"{self._testMethodName}{self._folders}"
        made = []
        for at in range(count):
            made.append(Server(root, f"server-{at}", http2))
            self.addCleanup(made[-1].die)
        return made

    def serve(self, servers, scheme="http", threads=2, **upstream):
        site = self.new_site()
        route = site.settings["routes"][0]
        route["upstream"] = {"servers": [f"{scheme}://{one.address}" for one in servers], **upstream}
        if scheme != "http":
            route.pop("websocket", None)
        site.settings["threads"] = threads
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        return site, gateway

    def metric(self, gateway, name, server):
        found = re.search(rf'^tallygate_upstream_{name}{{server="{re.escape(server.address)}"}} (\S+)$',
                          gateway.admin("/metrics")[1], re.MULTILINE)
        return None if found is None else int(float(found[1]))

    def get(self, site, path="/", who="robot"):
        answer = self.ask(site, "GET", path, [site.bearer(who)])
        return answer.status, answer.body.decode().strip()

    def names(self, site, times, who="robot"):
        """Who answers so many requests; each must be answered well."""
        found = Counter()
        with Client(self.pki, site.port, context=client_context(self.pki)) as client:
            for _ in range(times):
                answer = client.ask("GET", "/", [site.bearer(who)])
                self.assertEqual(answer.status, 200)
                found[answer.body.decode().strip()] += 1
        return found

    def finish(self, site, gateway):
        gateway.stop()
        self.assert_sound(site)
        return journal.entries(site.journal)

    def die_under_load(self, scheme, deaths):
        first, second = self.servers(http2=scheme == "h2c")
        site, gateway = self.serve([first, second], scheme)
        loads = [Load(self, site) for _ in range(8)]
        for load in loads:
            load.start()

        def served(server, more=30):
            before = len(server.requests())
            wait_until(lambda: len(server.requests()) >= before + more, 60, f"{server.name} gets requests")

        for server, other in ((first, second), (second, first)) * (deaths // 2):
            served(server)
            server.die()
            served(other)
            server.start()
            served(server)
        for load in loads:
            load.stopping = True
        for load in loads:
            load.join(60)
            self.assertIsNone(load.failure)
        answers = sum((load.answers for load in loads), Counter())
        self.assertEqual({status for status, _ in answers}, {200}, answers)
        self.assertGreater(sum(self.metric(gateway, "retries_total", one) for one in (first, second)), 0)
        entries = self.finish(site, gateway)
        decisions = Counter(entry["id"] for entry in entries if entry["kind"] == "access.allow")
        ids = [one for load in loads for one in load.ids]
        self.assertEqual({decisions[one] for one in ids}, {1}, "one decision a request, however often it was sent")
        seqs = {entry["seq"]: entry for entry in entries if entry["kind"] == "access.allow"}
        moved = [entry for entry in entries if entry["kind"] == "access.end"
                 and entry["upstream"] != seqs[entry["of"]]["resource"]["upstream"]]
        self.assertGreater(len(moved), 0, "the end tells who answered where that was another one")

    def test_no_request_is_lost_when_a_server_dies(self):
        self.die_under_load("http", deaths=20)

    def test_no_request_is_lost_when_a_server_of_http2_dies(self):
        self.die_under_load("h2c", deaths=4)

    def health(self, scheme):
        first, second = self.servers(http2=scheme == "h2c")
        site, gateway = self.serve([first, second], scheme, health={"path": "/healthz", "every": "1s", "timeout": "1s"})
        wait_until(lambda: self.metric(gateway, "healthy", first) == 1, what="it is checked")
        self.assertEqual(set(self.names(site, 8)), {"server-0", "server-1"})
        size = gateway.log_size()
        first.mark("ill")
        wait_until(lambda: self.metric(gateway, "healthy", first) == 0, what="it is found ill")
        self.assertIn("it answers 500", gateway.log_since(size))
        self.assertEqual(self.names(site, 20), {"server-1": 20})
        first.mark("ill", False)
        wait_until(lambda: self.metric(gateway, "healthy", first) == 1, what="it is found well")
        self.assertIn("in use again", gateway.log_since(size))
        self.assertEqual(set(self.names(site, 8)), {"server-0", "server-1"})
        # One that hangs takes connections and says nothing.
        first.signal(signal.SIGSTOP)
        wait_until(lambda: self.metric(gateway, "healthy", first) == 0, what="it is found hanging")
        self.assertEqual(self.names(site, 20), {"server-1": 20})
        first.signal(signal.SIGCONT)
        wait_until(lambda: self.metric(gateway, "healthy", first) == 1, what="it goes on")
        # Nobody is refused because of health alone.
        first.mark("ill")
        second.mark("ill")
        wait_until(lambda: not any(self.metric(gateway, "healthy", one) for one in (first, second)), what="both are ill")
        self.names(site, 4)
        # A reload that asks for no checks believes in both again.
        del site.settings["routes"][0]["upstream"]["health"]
        site.write()
        gateway.reload()
        wait_until(lambda: self.metric(gateway, "healthy", first) is None, what="the checks have ended")
        self.assertEqual(self.metric(gateway, "up", first), 1)
        self.finish(site, gateway)

    def test_checks_take_a_server_out_and_back_in(self):
        self.health("http")

    def test_checks_of_http2_servers_do_too(self):
        self.health("h2c")

    def test_a_client_stays_with_its_server(self):
        servers = self.servers(3)
        site, gateway = self.serve(servers, balance="consistent_hash")
        homes = {}
        for who in ("robot", "ci"):
            found = self.names(site, 10, who)
            self.assertEqual(len(found), 1, f"{who}: {found}")
            homes[who] = next(iter(found))
        home = next(one for one in servers if one.name == homes["robot"])
        home.die()
        away = self.names(site, 10)
        self.assertEqual(len(away), 1, away)
        self.assertNotIn(home.name, away)
        home.start()
        wait_until(lambda: self.get(site) == (200, home.name), what="it is back at its own")
        self.assertEqual(self.names(site, 10), {home.name: 10})
        self.finish(site, gateway)

    def test_weights_are_shares(self):
        first, second = self.servers()
        site, gateway = self.serve([first, second], threads=1)
        site.settings["routes"][0]["upstream"]["servers"] = [
            {"url": f"http://{first.address}", "weight": 3}, f"http://{second.address}"]
        site.write()
        gateway.reload()
        wait_until(lambda: self.names(site, 8) == {"server-0": 6, "server-1": 2}, what="three to one")
        self.finish(site, gateway)

    def test_answers_503_in_a_row_take_a_server_out(self):
        first, second = self.servers()
        site, gateway = self.serve([first, second], outliers={"failures": 3, "pause": "60s"})
        first.mark("broken")
        answers = Counter(self.get(site, "/row")[0] for _ in range(40))
        self.assertEqual(answers, {200: 37, 503: 3}, "an answer of the application is the client's")
        self.assertEqual(len(first.requests("/row")), 3)
        self.assertEqual(self.metric(gateway, "up", first), 0)
        self.finish(site, gateway)

    def test_what_may_not_be_done_twice_is_sent_once(self):
        cutter = Cutter()
        self.addCleanup(cutter.stop)
        (server,) = self.servers(1)
        site, gateway = self.serve([cutter, server], threads=1)
        answer = self.ask(site, "POST", "/once", [site.bearer("ci")], b"x")
        self.assertEqual(answer.status, 502)
        self.assertEqual((cutter.heads, server.requests()), (["POST"], []))
        end = wait_until(lambda: [entry for entry in journal.entries(site.journal) if entry["kind"] == "access.end"],
                         what="the end is on record")[0]
        self.assertEqual((end["ended"], end["upstream"]), ("upstream-closed", cutter.address))
        # It is passed over at once, and tried again by a request that may be sent twice.
        wait_until(lambda: self.get(site, "/twice") == (200, "server-0") and len(cutter.heads) > 1, what="a trial")
        self.assertEqual(set(cutter.heads[1:]), {"GET"})
        self.assertGreater(self.metric(gateway, "retries_total", server), 0)
        ends = [entry for entry in self.finish(site, gateway) if entry["kind"] == "access.end" and "tried" in entry]
        self.assertEqual({(tuple(end["tried"]), end["upstream"]) for end in ends}, {((cutter.address,), server.address)},
                         "whoever got it is on record")

    def test_no_server_is_asked_again_in_the_place_of_another(self):
        cutters = [Cutter(), Cutter()]
        for cutter in cutters:
            self.addCleanup(cutter.stop)
        site, gateway = self.serve(cutters, threads=1, retries={"attempts": 5, "budget": "100%", "per_second": 100})
        self.assertEqual(self.get(site)[0], 502)
        self.assertEqual([len(cutter.heads) for cutter in cutters], [1, 1])
        self.finish(site, gateway)

    def test_who_is_on_record_at_the_same_moment_finds_the_other_server(self):
        app, other = App(), App()
        self.addCleanup(app.stop)
        self.addCleanup(other.stop)
        site = self.new_site(app.port)
        upstream = site.settings["routes"][0]["upstream"]
        upstream["servers"].append(f"http://127.0.0.1:{other.port}")
        upstream.update(circuit={"requests": 1}, balance="consistent_hash", retries={"attempts": 0})
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        clients = [self.connect(site) for _ in range(2)]
        for client in clients:
            client.send(client.request_bytes("GET", "/hold", [site.bearer()]))
        wait_until(lambda: (app.holding, other.holding) == (1, 1), what="each server has one of one user's requests")
        refused = self.connect(site)
        for _ in range(2):
            self.assertEqual(refused.ask("GET", "/", [site.bearer()]).status, 503, "and its connection stays")
        app.release()
        other.release()
        self.assertEqual([client.response().status for client in clients], [200, 200])
        self.finish(site, gateway)

    def test_what_has_not_gone_out_may_go_elsewhere_whatever_it_is(self):
        first, second = self.servers()
        site, gateway = self.serve([first, second], threads=1)
        first.die()
        answer = self.ask(site, "POST", "/post", [site.bearer("ci")], b"x")
        self.assertEqual((answer.status, answer.body), (200, b"server-1\n"))
        wait_until(lambda: second.requests("/post"), what="its log has it, which is written after the answer")
        self.assertEqual(second.requests("/post"), ["POST /post 200"])
        self.assertEqual(self.metric(gateway, "retries_total", second), 1)
        self.finish(site, gateway)

    def test_retries_have_a_budget(self):
        cutter, another = Cutter(), Cutter()
        self.addCleanup(cutter.stop)
        self.addCleanup(another.stop)
        site, gateway = self.serve([cutter, another], retries={"attempts": 5, "budget": "0%", "per_second": 0})
        self.assertEqual({self.get(site)[0] for _ in range(6)}, {502})
        self.assertEqual(len(cutter.heads) + len(another.heads), 6)
        self.finish(site, gateway)

    def test_a_server_has_no_more_requests_than_it_may(self):
        app = App()
        self.addCleanup(app.stop)
        site = self.new_site(app.port)
        site.settings["routes"][0]["upstream"]["circuit"] = {"requests": 1}
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        with Client(self.pki, site.port, context=client_context(self.pki)) as held:
            held.send(held.request_bytes("GET", "/hold", [site.bearer()]))
            wait_until(lambda: app.holding == 1, what="a request is under way")
            refused = self.ask(site, "GET", "/", [site.bearer()])
            self.assertEqual((refused.status, refused.get("Retry-After")), (503, "1"))
            app.release()
            self.assertEqual(held.response().status, 200)
        wait_until(lambda: self.get(site)[0] == 200, what="there is room again")
        text = gateway.admin("/metrics")[1]
        self.assertIn(f'tallygate_upstream_refused_total{{server="127.0.0.1:{app.port}"}}', text)
        entries = self.finish(site, gateway)
        ends = [entry["ended"] for entry in entries if entry["kind"] == "access.end"]
        self.assertIn("upstream-busy", ends)


if __name__ == "__main__":
    unittest.main()
