"""Ten thousand requests of mixed people, paths and bodies through nginx: every answer has its one decision."""

import os
import unittest
from collections import Counter

from support import journal
from support.case import SiteCase
from support.load import Load
from support.site import Gateway
from support.upstreams import Nginx, wait_until

REQUESTS = 10_000
SEED = int(os.environ.get("TALLYGATE_E2E_SEED", "20261124"))


class TenThousand(SiteCase):
    def plans(self, site):
        """One plan for each pair of a person and a kind of request, with the status that pair must get."""
        tokens = {"reader": [site.bearer("robot")], "writer": [site.bearer("ci")],
                  "admin": [("Authorization", "Bearer " + self.pki.issuer.token("erin", ["admins"]))],
                  "stranger": [("Authorization", "Bearer " + self.pki.stranger.token("erin", ["admins"]))],
                  "nobody": []}
        allowed = {"read": {"reader", "writer", "admin"}, "write": {"writer", "admin"}, "admin": {"admin"},
                   "public": {"reader", "writer", "admin", "nobody"}, "vault": set()}

        def plan(rng):
            person = rng.choice(list(tokens))
            act = rng.choice(list(allowed))
            number = rng.randrange(1000)
            method = {"read": rng.choice(["GET", "HEAD", "OPTIONS"]), "write": rng.choice(["POST", "PUT", "DELETE"]),
                      "admin": rng.choice(["GET", "PATCH"]), "public": rng.choice(["GET", "POST"]),
                      "vault": "GET"}[act]
            folder = {"read": "pages", "write": "pages", "admin": "admin", "public": "public", "vault": "vault"}[act]
            target = rng.choice([f"/{folder}/{number}", f"/{folder}/%7e{number}/a%2Db?q={number}",
                                 f"/{folder}//{number}"])
            body = rng.randbytes(rng.choice([0, 1, 300, 20_000])) if method in ("POST", "PUT", "PATCH") else None
            if person == "stranger":
                status = 401
            elif person == "nobody" and act != "public":
                status = (401, 403) if act == "vault" else 401
            else:
                status = 200 if person in allowed[act] else 403
            return method, target, tokens[person], body, status

        return plan

    def test_every_answer_has_its_one_decision_and_it_is_the_right_one(self):
        nginx = Nginx(self.folder / "nginx")
        self.addCleanup(nginx.stop)
        site = self.new_site(nginx.port)
        site.settings["audit"]["record"] = {"flood": "none"}  # more refusals than one address is recorded with one by one
        site.write()
        print(f"seed {SEED}", flush=True)
        with Gateway(site) as gateway:
            load = Load(self.pki, site.port, self.plans(site), threads=8, total=REQUESTS, seed=SEED).start().join()
            self.assertEqual(load.errors, [])
            self.assertEqual(len(load.done), REQUESTS)
            status, metrics = gateway.admin("/metrics")
            self.assertEqual(status, 200)
        self.check_answers(load.done)
        self.check_record(site, load.done)
        self.check_upstream(nginx, load.done)
        self.assertIn("tallygate_", metrics)

    def check_answers(self, done):
        wrong = [(one.plan[0], one.plan[1], one.status, one.plan[4]) for one in done
                 if one.status not in (one.plan[4] if isinstance(one.plan[4], tuple) else (one.plan[4],))]
        self.assertEqual(wrong[:5], [])
        self.assertEqual(len({one.request_id for one in done}), len(done), "request ids are unique")
        print("answers by status:", dict(Counter(one.status for one in done)), flush=True)

    def check_record(self, site, done):
        decisions = journal.by_request_id(site.journal)
        for one in done:
            entries = decisions.get(one.request_id, [])
            self.assertEqual(len(entries), 1, f"decisions for {one.request_id} ({one.plan[:2]}, {one.status})")
            entry = entries[0]
            self.assertEqual(entry["kind"], "access.allow" if one.status == 200 else "access.deny")
            self.assertEqual(entry["request"]["method"], one.plan[0])
            path = one.plan[1].split("?")[0].replace("//", "/").replace("%7e", "~").replace("%2D", "-")
            self.assertEqual(entry["request"]["path"], path)
        allowed = {entries[0]["seq"] for entries in decisions.values() if entries[0]["kind"] == "access.allow"}
        ends = Counter(entry["of"] for entry in journal.entries(site.journal) if entry["kind"] == "access.end")
        self.assertEqual({of for of in ends if of in allowed}, allowed, "every allowed request has an end")
        self.assertEqual(max(ends.values()), 1, "and only one")
        self.assert_sound(site)

    def check_upstream(self, nginx, done):
        expected = {one.request_id for one in done if one.status == 200}
        wait_until(lambda: len(nginx.log_lines()) >= len(expected), what="nginx has logged everything")
        seen = Counter(line.split(" ")[3] for line in nginx.log_lines())
        self.assertLessEqual(expected, set(seen))
        self.assertEqual([count for count in seen.values() if count != 1], [], "nothing was sent twice")
        refused = {one.request_id for one in done if one.status != 200}
        self.assertEqual(refused & set(seen), set(), "nothing that was refused reached the application")


if __name__ == "__main__":
    unittest.main()
