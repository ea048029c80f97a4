"""Two hundred reloads and twenty new certificates under steady load: nothing is dropped, and nothing decided by a mixture."""

import json
import shutil
import ssl
import threading
import unittest
from collections import Counter
from pathlib import Path

from support import journal
from support.case import SiteCase
from support.pki import HOST
from support.site import Gateway, tallygate
from support.upstreams import wait_until
from support.wire import Client, client_context

RELOADS = 200
CERTIFICATES = 20
ASKED_ON_ONE = 25  # requests over one connection, then a new one


class Load(threading.Thread):
    """A client that asks all the time, over connections of its own, and forgives nothing."""

    def __init__(self, case, site):
        super().__init__(daemon=True)
        self.case, self.site = case, site
        self.answers = Counter()
        self.certificates = set()
        self.stopping = False
        self.failure = None

    def run(self):
        try:
            while not self.stopping:
                with Client(self.case.pki, self.site.port, context=client_context(self.case.pki)) as client:
                    self.certificates.add(client.sock.getpeercert(binary_form=True))
                    for _ in range(ASKED_ON_ONE):
                        answer = client.ask("GET", "/headers", [self.site.bearer()])
                        self.answers[answer.status if answer is not None else "closed"] += 1
        except Exception as broken:  # told by the test, which runs in another thread
            self.failure = broken


class ReloadsUnderLoad(SiteCase):
    def loaded(self, site):
        loads = [Load(self, site) for _ in range(3)]
        for load in loads:
            load.start()
        return loads

    def stop(self, loads):
        for load in loads:
            load.stopping = True
        for load in loads:
            load.join(60)
            self.assertIsNone(load.failure)
        answers = sum((load.answers for load in loads), Counter())
        self.assertEqual(set(answers), {200}, answers)
        return answers[200]

    def more(self, loads, count):
        """Returns once this many more were answered."""
        before = sum(load.answers.total() for load in loads)

        def answered():
            for load in loads:
                self.assertIsNone(load.failure)
            return sum(load.answers.total() for load in loads) >= before + count

        wait_until(answered, 60, f"{count} more answers")

    def finish(self, site, gateway):
        """Each decision follows from the policy that it names, which was in force at its moment."""
        gateway.stop()
        self.assert_sound(site)
        done = tallygate("audit", "decisions", "-c", site.config, "--root", site.root_key)
        self.assertEqual(done.returncode, 0, done.stdout[-3000:] + done.stderr[-1000:])
        return journal.entries(site.journal)

    def test_no_request_is_lost_or_decided_by_a_mixture_of_policies(self):
        site = self.new_site()
        policies = []
        for name in ("odd", "even"):
            policy = json.loads(json.dumps(site.policy))
            policy["policy"] = name
            policy["rules"][0]["id"] = f"read-{name}"
            policies.append(policy)
        site.policy = policies[0]
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        loads = self.loaded(site)
        for at in range(1, RELOADS + 1):
            site.policy = policies[at % 2]
            site.write()
            self.assertIn("reloaded", gateway.reload())
            if at % 20 == 0:
                self.more(loads, 20)
        answered = self.stop(loads)
        entries = self.finish(site, gateway)
        decisions = [entry for entry in entries if entry["kind"] == "access.allow"]
        self.assertEqual(len(decisions), answered, "one decision for each request")
        self.assertEqual(len([entry for entry in entries if entry["kind"] == "policy.load"]), RELOADS + 1)
        rules = {}
        for entry in decisions:
            rules.setdefault(entry["decision"]["policy"], set()).add(entry["decision"]["rule"])
        self.assertEqual(sorted(rules.values(), key=sorted), [{"read-even"}, {"read-odd"}], "each policy has its own rule")

    def test_certificates_change_without_anybody_noticing(self):
        site = self.new_site()
        for at in range(2):
            self.pki.server(f"site-{at}", HOST, f"DNS:{HOST}")
        cert, key = site.root / "served.pem", site.root / "served.key"

        def serve(at):
            shutil.copy(self.pki.path(f"site-{at}.pem"), cert)
            shutil.copy(self.pki.path(f"site-{at}.key"), key)

        serve(0)
        site.settings["tls"]["certificates"] = [{"cert": str(cert), "key": str(key)}]
        site.write()
        gateway = Gateway(site)
        self.addCleanup(gateway.kill)
        loads = self.loaded(site)
        for at in range(1, CERTIFICATES + 1):
            serve(at % 2)
            gateway.reload()
            self.more(loads, 3 * ASKED_ON_ONE)
        self.stop(loads)
        seen = set().union(*(load.certificates for load in loads))
        self.assertEqual(seen, {ssl.PEM_cert_to_DER_cert(Path(self.pki.path(f"site-{at}.pem")).read_text()) for at in range(2)})
        self.finish(site, gateway)


if __name__ == "__main__":
    unittest.main()
