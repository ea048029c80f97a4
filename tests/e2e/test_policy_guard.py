"""A policy whose tests fail is not taken up: neither at start nor at a reload, and the record says which cell."""

import json
import os
import unittest

from support import journal
from support.case import SiteCase
from support.pki import HOST
from support.site import Gateway, tallygate
from support.upstreams import wait_until

SUITE = {
    "suite": "guard", "policy": "policy.yaml", "now": "2026-03-04T10:00:00Z",
    "principals": {"nobody": {"anonymous": True}, "staff": {"groups": ["staff"]}},
    "requests": {"public": f"GET https://{HOST}/public/x", "page": f"GET https://{HOST}/pages/x"},
    "tests": [
        {"name": "who reads what",
         "table": {"columns": ["public", "page"], "nobody": ["allow", "step-up login"],
                   "staff": ["allow public-pages", "allow read-pages"]}},
    ],
}


class PolicyGuard(SiteCase):
    def setUp(self):
        self.app.rest()
        self.app.clear()

    def guarded_site(self):
        site = self.new_site()
        site.settings["policy"] = {"files": "policy.yaml", "tests": "guard_test.yaml"}
        (site.root / "guard_test.yaml").write_text(json.dumps(SUITE, indent=1))
        site.write()
        return site

    def break_policy(self, site):
        """Closes the pages to readers."""
        site.policy["rules"] = [rule for rule in site.policy["rules"] if rule["id"] != "public-pages"]
        rule = dict(site.policy["rules"][0], id="public-pages", roles=["admin"], resources=["public"])
        site.policy["rules"].append(rule)
        site.write()

    def test_a_policy_that_passes_is_served(self):
        site = self.guarded_site()
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        self.assert_sound(site)

    def test_a_start_with_a_policy_that_fails_ends_with_2_and_names_the_cell(self):
        site = self.guarded_site()
        self.break_policy(site)
        done = tallygate("serve", "-c", site.config)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"guard_test\.yaml:\d+:\d+: test 'who reads what': nobody, public: expected allow, "
                                      r"got step-up login")
        self.assertIn("2 of 4 cells of its tests failed", done.stderr)

    def test_a_start_without_the_suite_ends_with_2(self):
        site = self.guarded_site()
        (site.root / "guard_test.yaml").unlink()
        done = tallygate("serve", "-c", site.config)
        self.assertEqual(done.returncode, 2, done.stderr)
        self.assertRegex(done.stderr, r"gateway\.yaml:\d+:\d+: .*guard_test\.yaml")

    def test_a_reload_with_a_policy_that_fails_leaves_the_old_one_in_force_and_the_record_says_which_cell(self):
        site = self.guarded_site()
        with Gateway(site) as gateway:
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            before = site.policy
            site.policy = json.loads(json.dumps(site.policy))
            self.break_policy(site)
            self.assertIn("guard_test.yaml", gateway.reload())
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200, "the old policy is in force")
            # A suite that no longer speaks of this policy refuses it as well.
            broken = json.loads(json.dumps(SUITE))
            broken["tests"][0]["table"]["staff"][0] = "allow public-page"
            (site.root / "guard_test.yaml").write_text(json.dumps(broken))
            site.policy = before
            site.write()
            self.assertIn("did you mean 'public-pages'?", gateway.reload())
            # Nor is the guard out of the way when its suite is, or is something that cannot be read to its end.
            (site.root / "guard_test.yaml").unlink()
            self.assertIn("No such file", gateway.reload())
            os.mkfifo(site.root / "guard_test.yaml")
            self.assertIn("guard_test.yaml", gateway.reload())
            (site.root / "guard_test.yaml").unlink()
            # Mended, it is taken up, with a rule more.
            (site.root / "guard_test.yaml").write_text(json.dumps(SUITE))
            site.policy["rules"].append(dict(site.policy["rules"][0], id="shut", effect="deny", roles=["everyone"],
                                             resources=["vault"]))
            site.write()
            self.assertIn("reloaded", gateway.reload())
        entries = journal.entries(site.journal)
        refused = [entry for entry in entries if entry["kind"] == "policy.reject"]
        self.assertEqual(len(refused), 4)
        for missing in refused[2:]:
            self.assertRegex(missing["reason"], r"gateway\.yaml:\d+:\d+: .*guard_test\.yaml: ")
        cell = refused[0]["cell"]
        self.assertTrue(cell["file"].endswith("guard_test.yaml"), cell)
        self.assertGreater(cell["line"], 1)
        self.assertEqual((cell["test"], cell["principal"], cell["request"]), ("who reads what", "nobody", "public"))
        self.assertEqual((cell["expected"], cell["actual"]), ("allow", "step-up login"))
        self.assertEqual(refused[0]["failed"], 2)
        loaded = [entry["policy"]["digest"] for entry in entries if entry["kind"] == "policy.load"]
        self.assertEqual(len(loaded), 2)
        self.assertNotIn(refused[0]["policy"]["digest"], loaded)
        self.assertNotIn("cell", refused[1])
        self.assertIn("did you mean", json.dumps(refused[1]["reason"]))
        self.assertEqual([entry["kind"] for entry in entries].count("config.reject"), 4)
        self.assert_sound(site)

    def test_a_reload_with_a_policy_that_cannot_be_read_is_a_refusal_of_the_policy(self):
        site = self.guarded_site()
        with Gateway(site) as gateway:
            site.policy["rules"][0]["effect"] = "alow"
            site.write()
            gateway.reload()
            wait_until(lambda: any(entry["kind"] == "config.reject" for entry in journal.entries(site.journal)),
                       what="the refusal is on record")
        refused = [entry for entry in journal.entries(site.journal) if entry["kind"] == "policy.reject"]
        self.assertEqual(len(refused), 1)
        self.assertIn("did you mean 'allow'?", refused[0]["reason"])
        self.assertNotIn("policy", refused[0])


if __name__ == "__main__":
    unittest.main()
