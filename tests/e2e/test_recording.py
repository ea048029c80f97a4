"""What is recorded beyond the mandatory, and what a flood of refusals leaves in the record."""

import json
import unittest
import urllib.parse

from support import journal
from support.case import SiteCase
from support.pki import HOST
from support.site import Gateway, tallygate
from support.upstreams import wait_until
from support.wire import Client, client_context

LIMIT = 100
FLOOD = 10_000
LOGIN_LIMIT = 10


class Recording(SiteCase):
    def flood(self, site, source, wanted, headers=(), connections=4):
        """As many requests as `wanted` has, over a few connections from `source`; how many answers of each status."""
        context = client_context(self.pki)
        statuses = {}
        for part in range(connections):
            with Client(self.pki, site.port, context=context, source=source) as client:
                mine = wanted[part::connections]
                for begin in range(0, len(mine), 50):
                    batch = mine[begin:begin + 50]
                    client.send(b"".join(client.request_bytes("GET", target, headers) for target in batch))
                    for _ in batch:
                        status = client.response().status
                        statuses[status] = statuses.get(status, 0) + 1
        return statuses

    def denied(self, entries, address, anonymous=True):
        return [entry for entry in entries if entry["kind"] == "access.deny"
                and entry["client"]["address"] == address
                and (entry["actor"]["method"] == "anonymous") == anonymous]

    def suppressed(self, entries, address):
        return [entry for entry in entries
                if entry["kind"] == "journal.suppress" and entry.get("client", {}).get("address") == address]

    def suppressed_metric(self, gateway):
        line = next(line for line in gateway.admin("/metrics")[1].splitlines()
                    if line.startswith("tallygate_suppressed_total "))
        return int(float(line.split(" ")[1]))

    def record_site(self, record, route=None):
        site = self.new_site()
        site.settings["audit"]["record"] = record
        if route is not None:
            site.settings["routes"][0]["record"] = route
        site.write()
        return site

    def test_a_flood_is_counted_to_the_last_request_and_nobody_else_is_affected(self):
        site = self.record_site({"flood": {"per": "10m", "entries": LIMIT}})
        wanted = [f"/pages/{i}" if i % 2 else f"/bad/%zz/{i}" for i in range(FLOOD)]
        with Gateway(site) as gateway:
            statuses = self.flood(site, "127.0.0.1", wanted)
            self.assertEqual(statuses, {400: FLOOD // 2, 401: FLOOD // 2}, "each is refused as it always is")
            self.assertEqual(self.suppressed_metric(gateway), FLOOD - LIMIT)
            self.assertEqual(self.flood(site, "127.0.0.2", wanted[:60]), {400: 30, 401: 30})
            # Somebody who is known is always recorded, from the same address and for the same requests.
            self.assertEqual(self.flood(site, "127.0.0.1", ["/vault/x"] * 150, [site.bearer()]), {403: 150})
            self.assertEqual(self.flood(site, "127.0.0.1", ["/public/x"] * 150), {200: 150})
        entries = journal.entries(site.journal)
        self.assertEqual(len(self.denied(entries, "127.0.0.1")), LIMIT)
        self.assertEqual(len(self.denied(entries, "127.0.0.2")), 60)
        self.assertEqual(len(self.denied(entries, "127.0.0.1", anonymous=False)), 150)
        self.assertEqual(len([entry for entry in entries if entry["kind"] == "access.allow"]), 150)
        self.assertEqual(self.suppressed(entries, "127.0.0.2"), [])
        sums = self.suppressed(entries, "127.0.0.1")
        self.assertEqual(sum(entry["count"] for entry in sums), FLOOD - LIMIT)
        for entry in sums:
            self.assertEqual(entry["count"], sum(reason["count"] for reason in entry["reasons"]))
            self.assertLessEqual(entry["first"], entry["last"])
            self.assertEqual(entry["limit"], {"entries": LIMIT, "milliseconds": 600_000})
        recorded = self.denied(entries, "127.0.0.1")
        for reason in {reason["reason"] for entry in sums for reason in entry["reasons"]}:
            counted = sum(each["count"] for entry in sums for each in entry["reasons"] if each["reason"] == reason)
            in_full = len([entry for entry in recorded if entry["decision"]["reasons"] == [reason]])
            self.assertEqual(counted + in_full, FLOOD // 2, reason)
        self.assertEqual(entries[-1]["kind"], "gateway.stop", "nothing is counted after the stop")
        self.assert_sound(site)

    def test_the_count_is_on_record_once_its_window_is_over(self):
        site = self.record_site({"flood": {"per": "1s", "entries": 10}})
        with Gateway(site):
            self.flood(site, "127.0.0.1", ["/pages/1"] * 40, connections=1)

            def accounted():
                entries = journal.entries(site.journal)
                return (len(self.denied(entries, "127.0.0.1"))
                        + sum(entry["count"] for entry in self.suppressed(entries, "127.0.0.1"))) == 40

            wait_until(accounted, 15, "all 40 are on record, in full or counted, while the gateway serves")
            self.assertGreater(len(self.suppressed(journal.entries(site.journal), "127.0.0.1")), 0)
        self.assert_sound(site)

    def test_a_kill_leaves_on_record_that_refusals_were_only_counted(self):
        site = self.record_site({"flood": {"per": "10m", "entries": 10}})
        gateway = Gateway(site)
        try:
            self.flood(site, "127.0.0.1", ["/pages/1"] * 60)
        finally:
            gateway.kill()
        entries = journal.entries(site.journal)
        self.assertEqual(len(self.denied(entries, "127.0.0.1")), 10)
        begins = self.suppressed(entries, "127.0.0.1")
        self.assertGreaterEqual(len(begins), 1)
        for entry in begins:
            self.assertEqual((entry["begins"], entry["count"]), (True, 1))
        with Gateway(site):
            pass
        self.assert_sound(site)

    def test_a_long_window_puts_its_count_on_record_while_it_goes_on(self):
        site = self.record_site({"flood": {"per": "10m", "entries": 10}})
        gateway = Gateway(site)
        try:
            self.flood(site, "127.0.0.1", ["/pages/1"] * 60, connections=1)

            def accounted():
                return sum(entry["count"] for entry in self.suppressed(journal.entries(site.journal), "127.0.0.1"))

            wait_until(lambda: accounted() == 50, 30, "the count is on record long before its window is over")
        finally:
            gateway.kill()
        with Gateway(site):
            pass
        self.assertEqual(accounted(), 50)
        self.assert_sound(site)

    def test_a_reload_puts_counts_on_record_and_takes_up_the_new_limit(self):
        site = self.record_site({"flood": {"per": "10m", "entries": 10}})
        with Gateway(site) as gateway:
            self.flood(site, "127.0.0.1", ["/pages/1"] * 17, connections=1)
            site.settings["audit"]["record"]["flood"] = "none"
            site.write()
            gateway.reload()
            wait_until(lambda: len(self.suppressed(journal.entries(site.journal), "127.0.0.1")) == 2, 10,
                       "a sum after reload")
            wait_until(lambda: "\"reloaded\"" in gateway.log_path.read_text(), 10, "the reload")
            self.flood(site, "127.0.0.1", ["/pages/1"] * 10, connections=1)
        entries = journal.entries(site.journal)
        self.assertEqual([(entry["count"], entry.get("begins", False))
                          for entry in self.suppressed(entries, "127.0.0.1")], [(1, True), (6, False)])
        self.assertEqual(len(self.denied(entries, "127.0.0.1")), 10 + 10)
        self.assert_sound(site)

    def test_failed_logins_are_counted_with_the_accounts_they_aimed_at(self):
        site = self.record_site({"flood": {"per": "10m", "entries": LOGIN_LIMIT}})
        tries = ["bob"] * 13 + ["carol"] * 4 + ["nobody at all"] * 2
        with Gateway(site):
            with Client(self.pki, site.port, context=client_context(self.pki), source="127.0.0.3") as client:
                for user in tries:
                    form = urllib.parse.urlencode({"user": user, "password": "wrong", "return": "/"}).encode()
                    answer = client.ask("POST", "/.tallygate/login",
                                        [("Content-Type", "application/x-www-form-urlencoded"),
                                         ("Origin", f"https://{HOST}")], form)
                    self.assertIn(answer.status, (403, 429))
        entries = journal.entries(site.journal)
        self.assertEqual(len([entry for entry in entries if entry["kind"] == "session.reject"]), LOGIN_LIMIT)
        counted = self.suppressed(entries, "127.0.0.3")
        begins, rest = counted
        self.assertTrue(begins["begins"])
        self.assertEqual(begins["accounts"], [{"count": 1, "user": "bob"}])
        self.assertEqual(begins["count"] + rest["count"], len(tries) - LOGIN_LIMIT)
        self.assertEqual(rest["accounts"], [{"count": 2, "user": "bob"}, {"count": 4, "user": "carol"}])
        self.assertEqual({reason["kind"] for one in counted for reason in one["reasons"]}, {"session.reject"})
        self.assert_sound(site)

    def test_a_route_records_what_it_is_told_to_and_what_replay_needs(self):
        site = self.record_site(
            {"fields": {"user_agent": True}, "headers": ["X-Ticket"]},
            {"kinds": {"access.end": False}, "fields": {"user_agent": False, "tls": False, "email": False,
                                                        "groups": "policy", "referer": True, "trace": False},
             "headers": ["X-Purpose"], "query_values": ["page"]})
        site.policy["conditions"] = {"east": {"header": {"X-Zone": ["east"]}}}
        site.policy["rules"][0]["when"] = ["east"]
        site.write()
        headers = [("User-Agent", "curious/1"), ("X-Ticket", "T-1"), ("X-Purpose", "audit"), ("X-Zone", "east"),
                   ("X-Other", "unseen"), ("Referer", f"https://{HOST}/from?code=secret-code"), site.bearer()]
        with Gateway(site) as gateway:
            answer = self.ask(site, "GET", "/pages/1?page=2&token=secret-value", headers)
            self.assertEqual(answer.status, 200)
            with self.connect(site) as client:
                client.host = "elsewhere.example.com"
                lost = client.ask("GET", "/", headers)
            site.settings["audit"]["record"]["fields"] = {"decision": False}
            site.write()
            said = gateway.reload()
            self.assertIn("'decision' cannot be left out of the record", said)
        decision = self.decision(site, answer)
        self.assertEqual(decision["request"]["headers"], [{"name": "x-zone", "value": "east"},
                                                          {"name": "x-purpose", "value": "audit"}])
        self.assertEqual(decision["request"]["query"], "page=2&token=*")
        self.assertEqual(decision["request"]["referer"], f"https://{HOST}/from?code=*")
        self.assertEqual(decision["actor"]["groups_policy"], ["staff"])
        for member, left_out in (("client", ("user_agent", "tls", "sni")), ("request", ("trace",)),
                                 ("actor", ("email", "groups"))):
            self.assertEqual([name for name in left_out if name in decision[member]], [])
        other = self.decision(site, lost)
        self.assertEqual(other["client"]["user_agent"], "curious/1")
        self.assertEqual([line["name"] for line in other["request"]["headers"]], ["x-zone", "x-ticket"])
        kinds = [entry["kind"] for entry in journal.entries(site.journal)]
        self.assertNotIn("access.end", kinds)
        self.assertIn("config.reject", kinds)
        record = b"".join(body for _, body in journal.bodies(site.journal))
        for secret in (b"secret-code", b"secret-value", b"unseen"):
            self.assertNotIn(secret, record)
        self.assert_sound(site)

    def test_an_auditor_sees_when_less_was_recorded(self):
        site = self.record_site({"end": False, "fields": {"user_agent": False}, "flood": {"per": "30s", "entries": 17}},
                                {"headers": ["X-Purpose"]})
        with Gateway(site):
            pass
        load = next(entry for entry in journal.entries(site.journal) if entry["kind"] == "config.load")
        self.assertEqual(load["recording"]["flood"], {"entries": 17, "milliseconds": 30_000})
        self.assertFalse(load["recording"]["all"]["end"])
        self.assertFalse(load["recording"]["all"]["fields"]["user_agent"])
        self.assertEqual(load["recording"]["routes"]["wiki"]["headers"], ["x-purpose"])

    def test_what_is_mandatory_stops_the_start_with_its_place(self):
        site = self.record_site({"kinds": {"access.deny": False}})
        done = tallygate("serve", "-c", site.config)
        self.assertEqual(done.returncode, 2, done.stderr)
        text = (site.root / "gateway.yaml").read_text().splitlines()
        line = next(number for number, each in enumerate(text, 1) if "access.deny" in each)
        self.assertRegex(done.stderr, rf"gateway\.yaml:{line}:\d+: 'access.deny' cannot be switched off")
        self.assertIn("every deny is on record", done.stderr)
        self.assertEqual(json.loads("\n".join(text))["audit"]["record"], {"kinds": {"access.deny": False}})


if __name__ == "__main__":
    unittest.main()
