"""How many requests an address, a principal and a route are served in a time: token buckets, 429 and Retry-After."""

import unittest

from support import journal
from support.case import SiteCase
from support.site import Gateway, tallygate
from support.upstreams import wait_until

BURST = 5


class Rates(SiteCase):
    def rate_site(self, limits=None, route=None):
        site = self.new_site()
        if limits:
            site.settings["limits"] = site.settings.get("limits", {}) | {"requests": limits}
        if route:
            site.settings["routes"][0]["requests"] = route
        site.write()
        return site

    def statuses(self, site, target, headers=(), count=BURST + 2):
        with self.connect(site) as client:
            answers = [client.ask("GET", target, headers) for _ in range(count)]
        for answer in answers:
            if answer.status == 429:
                self.assertGreaterEqual(int(answer.all("Retry-After")[0]), 1)
        return [answer.status for answer in answers]

    def denied(self, site, reason):
        return [entry for entry in journal.entries(site.journal)
                if entry["kind"] == "access.deny" and entry["decision"]["reasons"] == [reason]]

    def assert_computed(self, site):
        done = tallygate("audit", "decisions", "-c", site.config)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_an_address_gets_its_burst_whoever_asks(self):
        site = self.rate_site({"address": {"requests": BURST, "per": "1h"}})
        with Gateway(site) as gateway:
            self.app.clear()
            self.assertEqual(self.statuses(site, "/public/x"), [200] * BURST + [429] * 2)
            self.assertEqual(self.statuses(site, "/public/x", [site.bearer()], 1), [429], "nor who is known")
            self.assertEqual(len(self.app.requests), BURST)
            self.assertIn("tallygate_too_soon_total 3", gateway.admin("/metrics")[1])
        refused = self.denied(site, "rate-address")
        self.assertEqual(len(refused), 3)
        self.assertEqual({(entry["decision"]["rule"], tuple(entry["decision"]["roles"])) for entry in refused}, {(None, ())})
        self.assert_computed(site)
        self.assert_sound(site)

    def test_a_principal_has_a_bucket_of_its_own_and_is_on_record_with_its_name(self):
        site = self.rate_site({"principal": {"requests": BURST, "per": "1h"}})
        with Gateway(site):
            self.assertEqual(self.statuses(site, "/public/x", [site.bearer()]), [200] * BURST + [429] * 2)
            self.assertEqual(self.statuses(site, "/public/x"), [200] * (BURST + 2), "nobody in particular has none")
        refused = self.denied(site, "rate-principal")
        self.assertEqual([entry["actor"]["method"] for entry in refused], ["token"] * 2)
        self.assert_computed(site)

    def test_a_route_counts_what_the_policy_lets_through(self):
        site = self.rate_site(route={"requests": 1, "per": "1h", "burst": BURST})
        with Gateway(site) as gateway:
            self.assertEqual(self.statuses(site, "/vault/x", [site.bearer()]), [403] * (BURST + 2), "what is denied takes nothing")
            self.assertEqual(self.statuses(site, "/public/x"), [200] * BURST + [429] * 2)
            site.settings["routes"][0]["requests"]["burst"] = BURST + 1
            site.write()
            gateway.reload()
            self.assertEqual(self.statuses(site, "/public/x", count=2), [200, 429], "a reload changes the rate, not the count")
        refused = self.denied(site, "rate-route")
        self.assertEqual(len(refused), 3)
        self.assertTrue(all(entry["decision"]["rule"] for entry in refused), "the policy had allowed it")
        self.assert_computed(site)

    def test_what_is_under_way_at_once_has_a_limit_and_one_too_many_is_told_to_come_again(self):
        site = self.rate_site({"at_once": 2})
        with Gateway(site) as gateway:
            with self.connect(site) as first, self.connect(site) as second:
                for client in (first, second):
                    client.send(b"POST /public/x HTTP/1.1\r\nHost: wiki.example.com\r\nContent-Length: 2\r\n\r\n")
                wait_until(lambda: len(journal.entries(site.journal)) and sum(
                    entry["kind"] == "access.allow" for entry in journal.entries(site.journal)) == 2, what="both are under way")
                answer = self.ask(site, "GET", "/public/x")
                self.assertEqual((answer.status, answer.all("Retry-After")), (503, ["1"]))
                for client in (first, second):
                    client.send(b"ok")
                    self.assertEqual(client.response().status, 200)
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            self.assertIn("tallygate_overloaded_total 1", gateway.admin("/metrics")[1])
        self.assertEqual(len(self.denied(site, "overloaded")), 1)
        self.assert_computed(site)

    def test_a_gateway_that_is_short_of_memory_takes_nobody_in_and_says_so(self):
        site = self.new_site()
        with Gateway(site) as gateway:
            with self.connect(site) as client:
                self.assertEqual(client.ask("GET", "/public/x").status, 200)
                site.settings["limits"]["memory"] = "16MiB"
                site.write()
                gateway.reload()
                wait_until(lambda: "memory is short" in gateway.admin("/readyz")[1], what="it is noticed")
                self.assertEqual(client.ask("GET", "/public/x").status, 503)
                with self.assertRaises((OSError, AssertionError)):
                    self.ask(site, "GET", "/public/x")
                site.settings["limits"]["memory"] = "none"
                site.write()
                gateway.reload()
                wait_until(lambda: gateway.admin("/readyz")[0] == 200, what="it has a new limit")
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)


if __name__ == "__main__":
    unittest.main()
