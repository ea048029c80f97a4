"""Routes whose application has another path: decided on as asked and again as forwarded, both on record."""

import json
import unittest

from support import journal
from support.case import SiteCase
from support.pki import HOST
from support.site import Gateway, tallygate
from support.upstreams import wait_until


class Rewrites(SiteCase):
    def setUp(self):
        self.app.clear()

    def rewriting_site(self):
        """/legacy/… goes to the application as /…, and /deep/er/… as /vault/…"""
        site = self.new_site()
        upstream = site.settings["routes"][0]["upstream"]
        site.settings["routes"] += [
            {"name": "legacy", "match": {"host": HOST, "path": ["/legacy", "/legacy/**"]}, "upstream": upstream,
             "rewrite": {"prefix": "/legacy", "to": "/"}, "websocket": True},
            {"name": "deep", "match": {"host": HOST, "path": "/deep/er/**"}, "upstream": upstream,
             "rewrite": {"prefix": "/deep/er", "to": "/vault"}},
        ]
        return site

    def finish(self, site, gateway):
        """Everything in the record can be computed again."""
        gateway.stop()
        self.assert_sound(site)
        done = tallygate("audit", "decisions", "-c", site.config, "--root", site.root_key)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-1000:])

    def pair(self, site, answer):
        """The two decisions of one request: as it was asked, and as it was forwarded."""
        entries = journal.entries(site.journal)
        asked = self.decision(site, answer, entries)
        again = [entry for entry in entries if entry.get("request", {}).get("rewritten", {}).get("of") == asked["id"]]
        self.assertEqual(len(again), 1, answer.request_id)
        return asked, again[0]

    def test_the_application_gets_the_other_path_and_both_decisions_are_on_record(self):
        site = self.rewriting_site()
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        answer = self.ask(site, "GET", "/legacy/headers?page=2", [site.bearer(), ("X-Forwarded-Prefix", "/forged")])
        self.assertEqual(answer.status, 200, answer)
        [seen] = self.app.requests
        self.assertEqual(seen.first_line, "GET /headers?page=2 HTTP/1.1")
        told = [value for name, value in seen.headers if name.lower() == "x-forwarded-prefix"]
        self.assertEqual(told, ["/legacy"])
        asked, again = self.pair(site, answer)
        self.assertEqual([entry["kind"] for entry in (asked, again)], ["access.allow"] * 2)
        self.assertEqual((asked["request"]["path"], again["request"]["path"]), ("/legacy/headers", "/headers"))
        self.assertEqual(again["request"]["rewritten"], {"from": "/legacy/headers", "of": asked["id"]})
        self.assertEqual(again["resource"]["route"], "legacy")
        self.assertIn("upstream", again["resource"])
        self.assertNotIn("upstream", asked["resource"], "it is not forwarded by that decision alone")
        wait_until(lambda: [entry for entry in journal.entries(site.journal) if entry["kind"] == "access.end"
                            and entry["of"] == again["seq"]], what="the end names the decision it was forwarded by")
        self.assertEqual(self.ask(site, "GET", "/legacy", [site.bearer()]).status, 200)
        self.assertEqual(self.app.requests[-1].first_line, "GET / HTTP/1.1")
        self.finish(site, gateway)

    def test_what_may_not_be_asked_for_at_the_application_is_refused_under_another_path_too(self):
        site = self.rewriting_site()
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        refused = {"/legacy/vault/gold": "vault-closed", "/deep/er/gold": "vault-closed", "/legacy/admin/users": "default",
                   "/legacy/%76ault/gold": "vault-closed", "/legacy//vault/gold": "vault-closed",
                   "/legacy/x/../vault/gold": "vault-closed"}
        for path, rule in refused.items():
            with self.subTest(path):
                answer = self.ask(site, "GET", path, [site.bearer()])
                self.assertEqual(answer.status, 403, answer)
                asked, again = self.pair(site, answer)
                self.assertEqual((asked["kind"], again["kind"]), ("access.allow", "access.deny"))
                self.assertEqual(again["decision"]["rule"], rule)
        self.assertEqual(self.app.requests, [])
        # What is refused as asked is not asked a second time.
        answer = self.ask(site, "GET", "/legacy/headers")
        self.assertEqual(answer.status, 401)
        self.decision(site, answer)
        self.finish(site, gateway)

    def test_a_path_that_only_its_old_place_may_have_is_refused_in_the_new_one(self):
        site = self.rewriting_site()
        site.policy["resources"]["old"] = {"hosts": [HOST], "paths": ["/legacy/**"], "encoded_slash": "keep"}
        site.policy["rules"].append({"id": "old", "effect": "allow", "roles": ["reader"], "resources": ["old"],
                                     "methods": ["read"]})
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        answer = self.ask(site, "GET", "/legacy/a%2Fb", [site.bearer()])
        self.assertEqual(answer.status, 400, answer)
        asked, again = self.pair(site, answer)
        self.assertEqual((asked["kind"], again["kind"]), ("access.allow", "access.deny"))
        self.assertEqual(again["decision"]["reasons"], ["encoded-slash"])
        self.assertEqual(again["request"]["line"], "GET /a%2Fb HTTP/1.1")
        self.assertEqual(self.app.requests, [])
        self.finish(site, gateway)

    def test_who_asks_for_another_hears_what_the_forwarded_path_is_decided_to(self):
        site = self.rewriting_site()
        site.settings["forward_auth"] = [{"from": ["127.0.0.1"], "caller": "traefik"}]
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)

        def ask(path):
            return self.ask(site, "GET", "/.tallygate/authorize", [
                ("X-Forwarded-Method", "GET"), ("X-Forwarded-Host", HOST), ("X-Forwarded-Uri", path), site.bearer()])

        self.assertEqual(ask("/legacy/headers").status, 200)
        answer = ask("/legacy/vault/gold")
        self.assertEqual(answer.status, 403)
        _, again = self.pair(site, answer)
        self.assertEqual(again["decision"]["rule"], "vault-closed")
        self.finish(site, gateway)

    def test_an_open_websocket_ends_when_either_path_is_no_longer_allowed(self):
        site = self.rewriting_site()
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        for closed in ("/legacy/ws", "/ws"):
            with self.subTest(closed):
                site.policy["rules"] = [rule for rule in site.policy["rules"] if rule["id"] != "closed"]
                site.write()
                gateway.reload()
                client = self.connect(site)
                answer = client.ask("GET", "/legacy/ws", [
                    site.bearer(), ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"),
                    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")])
                self.assertEqual(answer.status, 101, answer)
                site.policy["resources"]["closed"] = {"hosts": [HOST], "paths": [closed]}
                site.policy["rules"].append({"id": "closed", "effect": "deny", "roles": ["everyone"],
                                             "resources": ["closed"], "methods": ["any"]})
                site.write()
                gateway.reload()
                _, again = self.pair(site, answer)
                wait_until(lambda: [entry for entry in journal.entries(site.journal) if entry["kind"] == "access.end"
                                    and entry["of"] == again["seq"] and entry["ended"] == "policy-changed"],
                           what="the end of the WebSocket is on record")
        self.finish(site, gateway)

    def test_a_shadow_policy_answers_to_the_path_that_is_forwarded_too(self):
        site = self.rewriting_site()
        candidate = json.loads(json.dumps(site.policy))
        candidate["policy"] = "candidate"
        candidate["resources"]["vault"]["paths"] = ["/headers"]
        (site.root / "candidate.yaml").write_text(json.dumps(candidate))
        site.settings["shadow_policy"] = "candidate.yaml"
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        answer = self.ask(site, "GET", "/legacy/headers", [site.bearer()])
        self.assertEqual(answer.status, 200)
        asked, again = self.pair(site, answer)
        self.assertEqual([entry["decision"]["shadow"]["effect"] for entry in (asked, again)], ["allow", "deny"])
        self.finish(site, gateway)


if __name__ == "__main__":
    unittest.main()
