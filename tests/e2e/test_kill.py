"""kill -9 under load, again and again: every answer a client got is on record, and the chain verifies."""

import os
import random
import unittest

from support import journal
from support.case import SiteCase
from support.load import Load
from support.site import Gateway

ROUNDS = int(os.environ.get("TALLYGATE_E2E_KILLS", "50"))
SEED = int(os.environ.get("TALLYGATE_E2E_SEED", "20261124"))


class Kill(SiteCase):
    def test_no_answered_request_is_lost_by_fifty_kills_in_a_row(self):
        site = self.new_site()
        rng = random.Random(SEED)
        print(f"seed {SEED}, {ROUNDS} rounds", flush=True)

        def plan(chooser):
            target = chooser.choice(["/public/x", "/pages/x", "/vault/x", "/echo"])
            headers = [site.bearer("ci")] if chooser.random() < 0.8 else []
            if target == "/echo":
                return "POST", target, headers, b"x" * 100, None
            return "GET", target, headers, None, None

        answered = {}
        for number in range(ROUNDS):
            gateway = Gateway(site)
            load = Load(self.pki, site.port, plan, threads=6, seed=SEED + number).start()
            try:
                self.assertTrue(load.wait_for(rng.randrange(1, 250)), f"round {number}: {gateway.log_tail()}")
            finally:
                gateway.kill()
                load.stop()
            self.assertEqual(load.errors, [], f"round {number}")
            for one in load.done:
                self.assertIn(one.status, (200, 401, 403))
                self.assertNotIn(one.request_id, answered)
                answered[one.request_id] = one.status
            self.check(site, number, answered)
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        report = self.assert_sound(site)
        print(f"{len(answered)} answers, {report['entries']} entries", flush=True)

    def check(self, site, number, answered):
        """Between two lives: the chain by hand and by the verifier, and each answer's one decision."""
        journal.check_chain(site.journal)
        decisions = journal.by_request_id(site.journal)
        for request_id, status in answered.items():
            kinds = [entry["kind"] for entry in decisions.get(request_id, [])]
            self.assertEqual(kinds, ["access.allow" if status == 200 else "access.deny"],
                             f"round {number}, request {request_id} answered with {status}")
        journal.verify(site)


if __name__ == "__main__":
    unittest.main()
