"""Starting, reloading, draining and what the admin listener says meanwhile."""

import json
import os
import signal
import subprocess
import threading
import unittest

from support import journal
from support.case import SiteCase
from support.site import Gateway, tallygate
from support.upstreams import free_port, wait_until
from support.wire import Client


class Lifecycle(SiteCase):
    def setUp(self):
        self.app.rest()
        self.app.clear()

    def kinds(self, site):
        return [entry["kind"] for entry in journal.entries(site.journal)]

    def test_start_and_stop_are_on_record_and_the_record_goes_on_after_a_restart(self):
        site = self.new_site()
        for _ in range(3):
            with Gateway(site):
                self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        kinds = self.kinds(site)
        self.assertEqual(kinds[0], "key.provision")
        for kind in ("gateway.start", "gateway.stop", "policy.load", "access.allow"):
            self.assertEqual(kinds.count(kind), 3, kinds)
        self.assertEqual(kinds[-1], "gateway.stop")
        self.assert_sound(site)

    def test_a_reload_brings_a_new_policy_into_force(self):
        site = self.new_site()
        with Gateway(site) as gateway:
            held = self.connect(site)
            self.assertEqual(held.ask("GET", "/public/x").status, 200)
            site.policy["rules"] = [rule for rule in site.policy["rules"] if rule["id"] != "public-pages"]
            site.write()
            gateway.reload()
            wait_until(lambda: self.ask(site, "GET", "/public/x").status == 403, what="the new policy is in force")
            self.assertEqual(held.ask("GET", "/public/x").status, 403, "also on connections from before")
        self.assertEqual(self.kinds(site).count("policy.load"), 2)
        self.assert_sound(site)

    def test_changed_files_are_noticed_however_they_change(self):
        """Written in place, renamed into place, and, as in a mounted secret, behind a link to a folder that is swapped."""
        site = self.new_site()
        for number in (1, 2):
            (site.root / f"version{number}").mkdir()
        (site.root / "current").symlink_to("version1")
        site.settings["policy"] = "current/policy.yaml"
        site.settings["reload_on_change"] = True
        site.write()
        rules = list(site.policy["rules"])

        def policy(public):
            site.policy["rules"] = [rule for rule in rules if public or rule["id"] != "public-pages"]
            return json.dumps(site.policy)

        def comes_into_force(status, what):
            wait_until(lambda: self.ask(site, "GET", "/public/x").status == status, what=what)

        (site.root / "version1" / "policy.yaml").write_text(policy(True))
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            (site.root / "version1" / "policy.yaml").write_text(policy(False))
            comes_into_force(403, "written in place")
            (site.root / "new.yaml").write_text(policy(True))
            os.replace(site.root / "new.yaml", site.root / "version1" / "policy.yaml")
            comes_into_force(200, "renamed into place")
            (site.root / "version2" / "policy.yaml").write_text(policy(False))
            (site.root / "next").symlink_to("version2")
            os.replace(site.root / "next", site.root / "current")
            comes_into_force(403, "a link that was swapped")
            (site.root / "version2" / "policy.yaml").write_text("nonsense: [")
            wait_until(lambda: self.kinds(site).count("config.reject") == 1, what="the refusal is on record")
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 403)
            (site.root / "version2" / "policy.yaml").write_text(policy(True))
            comes_into_force(200, "mended")
        self.assert_sound(site)

    def test_a_reload_with_an_error_changes_nothing_and_says_why(self):
        site = self.new_site()
        with Gateway(site) as gateway:
            mistakes = {
                "policy.yaml": ("a word nobody knows", lambda: site.policy["rules"][0].update(effect="alow")),
                "gateway.yaml": ("an unknown key", lambda: site.settings.update(lisen={})),
            }
            for name, (what, make) in mistakes.items():
                with self.subTest(what):
                    policy, settings = json.dumps(site.policy), json.dumps(site.settings)
                    make()
                    site.write()
                    said = gateway.reload()
                    self.assertIn(name, said)
                    self.assertRegex(said, r"yaml:\d+:\d+")
                    self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
                    self.assertEqual(self.ask(site, "GET", "/pages/x").status, 401)
                    self.assertTrue(gateway.ready())
                    site.policy, site.settings = json.loads(policy), json.loads(settings)
                    site.write()
        kinds = self.kinds(site)
        self.assertEqual(kinds.count("policy.load"), 1)
        self.assertGreaterEqual(kinds.count("policy.reject") + kinds.count("config.reject"), 2)
        self.assert_sound(site)

    def test_a_reload_takes_a_new_certificate_for_new_connections(self):
        site = self.new_site()
        with Gateway(site) as gateway:
            with Client(self.pki, site.port) as client:
                before = client.sock.getpeercert()["serialNumber"]
            self.pki._leaf("renewed", "DNS:wiki.example.com", "serverAuth")
            site.settings["tls"]["certificates"] = [{"cert": self.pki.path("renewed.pem"),
                                                     "key": self.pki.path("renewed.key")}]
            site.write()
            gateway.reload()

            def renewed():
                with Client(self.pki, site.port) as client:
                    return client.sock.getpeercert()["serialNumber"] != before

            wait_until(renewed, what="the new certificate is served")
            # A file that is no certificate leaves the one in force.
            (self.folder / "pki" / "broken.pem").write_text("no certificate\n")
            site.settings["tls"]["certificates"][0]["cert"] = self.pki.path("broken.pem")
            site.write()
            self.assertIn("broken.pem", gateway.reload())
            self.assertTrue(renewed())

    def test_sigterm_lets_requests_under_way_finish_and_takes_no_new_ones(self):
        site = self.new_site()
        gateway = Gateway(site)
        try:
            client = self.connect(site)
            idle = self.connect(site)
            self.assertEqual(idle.ask("GET", "/public/x").status, 200)
            client.send(client.request_bytes("GET", "/hold", [site.bearer()]))
            wait_until(lambda: self.app.holding == 1, what="the request is at the application")
            gateway.process.send_signal(signal.SIGTERM)
            self.assertTrue(idle.at_end(), "an idle connection is closed")
            self.assertFalse(gateway.ready(), "not ready while draining")
            self.app.release()
            answer = client.response()
            self.assertEqual((answer.status, answer.body), (200, b"app: GET /hold\n"))
            self.assertEqual(gateway.process.wait(30), 0)
            with self.assertRaises(OSError):
                self.connect(site)
        finally:
            gateway.kill()
        kinds = self.kinds(site)
        self.assertEqual(kinds[-1], "gateway.stop")
        self.assertEqual(self.decision(site, answer)["kind"], "access.allow")
        self.assert_sound(site)

    def test_a_request_that_outlasts_the_drain_is_cut_and_the_gateway_ends(self):
        site = self.new_site()
        site.settings["limits"]["timeouts"]["drain"] = "1s"
        site.write()
        with Gateway(site) as gateway:
            client = self.connect(site)
            client.send(client.request_bytes("GET", "/hold", [site.bearer()]))
            wait_until(lambda: self.app.holding == 1, what="the request is at the application")
            gateway.stop()
            rest = client.response()
            self.assertTrue(rest is None or rest.status >= 500)
            self.app.release()
        self.assert_sound(site)

    def test_an_upstream_that_never_answers_is_a_504_and_one_that_is_away_a_502(self):
        site = self.new_site()
        site.settings["routes"] += [
            {"name": "slow", "match": {"host": "slow.example.com"},
             "upstream": {"servers": [f"http://127.0.0.1:{self.app.port}"], "timeout": "1s"}},
            {"name": "away", "match": {"host": "away.example.com"},
             "upstream": {"servers": [f"http://127.0.0.1:{free_port()}"]}}]
        site.policy["resources"]["pages"]["hosts"] += ["slow.example.com", "away.example.com"]
        site.write()
        with Gateway(site):
            for host, status in (("slow.example.com", 504), ("away.example.com", 502)):
                client = self.connect(site)
                client.host = host
                answer = client.ask("GET", "/hold", [site.bearer()])
                self.assertEqual(answer.status, status)
                self.assertEqual(self.decision(site, answer)["kind"], "access.allow")
            self.app.release()

    def test_slow_clients_are_cut_by_their_time_limit(self):
        site = self.new_site()
        site.settings["limits"]["timeouts"].update(handshake="1s", head="1s", keep_alive="1s", body_idle="1s")
        site.write()
        with Gateway(site):
            half_head = self.connect(site)
            half_head.send(b"GET / HTTP/1.1\r\nHost: wiki.exa")
            idle = self.connect(site)
            self.assertEqual(idle.ask("GET", "/public/x").status, 200)
            half_body = self.connect(site)
            half_body.send(half_body.request_bytes("POST", "/echo", [site.bearer("ci"), ("Content-Length", "10")]))
            half_body.send(b"x")
            for client in (half_head, idle, half_body):
                answer = client.response()
                self.assertTrue(answer is None or answer.status in (400, 408, 504), answer)
                self.assertTrue(client.at_end())
        self.app.rest()
        self.assertEqual([request.body for request in self.app.requests if request.target == "/echo"], [])

    def test_many_connections_that_say_nothing_do_not_keep_others_out(self):
        site = self.new_site()
        site.settings["limits"].update(connections=64, connections_per_address=64)
        site.write()
        with Gateway(site):
            clients = [self.connect(site) for _ in range(60)]
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            for client in clients:
                client.close()
            wait_until(lambda: self.ask(site, "GET", "/public/x").status == 200, what="room again")


class Admin(SiteCase):
    def test_health_readiness_and_metrics(self):
        site = self.new_site()
        with Gateway(site) as gateway:
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            self.assertEqual(self.ask(site, "GET", "/pages/x").status, 401)
            self.assertEqual(gateway.admin("/healthz")[0], 200)
            self.assertEqual(gateway.admin("/readyz")[0], 200)
            self.assertEqual(gateway.admin("/nothing")[0], 404)
            self.assertEqual(gateway.admin("/metrics")[0], 200)
            status, metrics = gateway.admin("/metrics", {"Accept": "application/openmetrics-text; version=1.0.0"})
            self.assertEqual(status, 200)
            self.assertTrue(metrics.rstrip().endswith("# EOF"), "OpenMetrics ends with # EOF")
            samples = [line for line in metrics.splitlines() if line and not line.startswith("#")]
            text = "\n".join(samples)
            for part in ('route="wiki"', "allow", "deny", "_seconds_bucket", "certificate"):
                self.assertIn(part, text)
            for line in samples:
                self.assertRegex(line, r"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})? \S+", "a sample is a name and a number")
            self.assertTrue(all(line.startswith("tallygate_") or line.startswith("process_") for line in samples))

    def test_the_admin_listener_is_not_reachable_through_the_public_one(self):
        site = self.new_site()
        with Gateway(site):
            for path in ("/metrics", "/readyz", "/healthz", "/v1/entries"):
                answer = self.ask(site, "GET", path)
                self.assertEqual(answer.status, 401, path)
            with Client(self.pki, site.port) as client:
                client.send(f"GET /metrics HTTP/1.1\r\nHost: 127.0.0.1:{site.admin_port}\r\n\r\n".encode())
                self.assertNotIn(b"tallygate_", client.response().body)


class Refusals(SiteCase):
    """Commands that cannot do what they are asked: the exit code, one clear line, nothing half-done."""

    def serve(self, site, **options):
        return tallygate("serve", "-c", site.config, **options)

    def test_a_mistake_in_gateway_yaml_is_exit_2_with_its_place(self):
        site = self.new_site()
        site.settings["listen"]["htps"] = "127.0.0.1:1"
        site.write()
        done = self.serve(site)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"gateway\.yaml:\d+:\d+: .*htps.*https")
        self.assertEqual(done.stdout, "")

    def test_a_mistake_in_the_policy_is_exit_2_with_its_place(self):
        site = self.new_site()
        site.policy["rules"][0]["roles"] = ["raeder"]
        site.write()
        done = self.serve(site)
        self.assertEqual(done.returncode, 2)
        self.assertRegex(done.stderr, r"policy\.yaml:\d+:\d+: .*raeder")

    def test_a_configuration_that_is_not_there_is_exit_3(self):
        done = tallygate("serve", "-c", self.folder / "nowhere.yaml")
        self.assertEqual(done.returncode, 3)
        self.assertIn("nowhere.yaml", done.stderr)

    def test_a_port_in_use_is_exit_3(self):
        site = self.new_site()
        site.settings["listen"]["admin"] = f"127.0.0.1:{self.app.port}"
        site.write()
        done = self.serve(site)
        self.assertEqual(done.returncode, 3)
        self.assertIn(str(self.app.port), done.stderr)
        kinds = [entry["kind"] for entry in journal.entries(site.journal)]
        self.assertNotIn("access.allow", kinds)

    def test_a_second_gateway_on_the_same_journal_serves_nothing_until_the_first_is_gone(self):
        site = self.new_site()
        first = Gateway(site)
        self.addCleanup(first.kill)
        port = site.port
        site.settings["listen"] = {"https": f"127.0.0.1:{free_port()}", "admin": f"127.0.0.1:{free_port()}"}
        site.write()
        with Gateway(site, wait_ready=False) as second:
            status, why = second.admin("/readyz")
            self.assertEqual(status, 503)
            self.assertIn("journal", why)
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 503)
            with Client(self.pki, port) as client:
                self.assertEqual(client.ask("GET", "/public/x").status, 200)
            first.stop()
            wait_until(second.ready, what="the second takes over")
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        self.assert_sound(site)

    def test_two_gateways_that_start_at_once_leave_one_writer(self):
        site = self.new_site()
        codes = []

        def serve():
            process = subprocess.Popen([os.environ["TALLYGATE_BIN"], "serve", "-c", site.config],
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            started.append(process)
            codes.append(process.wait(60))

        started = []
        threads = [threading.Thread(target=serve) for _ in range(2)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(codes) == 1, 30, "one of the two gives up")
        survivor = next(process for process in started if process.poll() is None)
        survivor.terminate()
        for thread in threads:
            thread.join(60)
        self.assertEqual(sorted(codes), [0, 3])
        self.assert_sound(site)


if __name__ == "__main__":
    unittest.main()
