"""Recorded requests decided again, and a candidate policy that decides beside the one in force."""

import contextlib
import json
import re
import shutil
import sqlite3
import unittest

from support import journal
from support.case import SiteCase
from support.site import Gateway, tallygate
from support.upstreams import wait_until


class Replay(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.passphrase = cls.folder / "passphrase"
        cls.passphrase.write_text("a passphrase of the tests\n")

    def candidate(self, site, name="candidate.yaml", **rules):
        """The site's policy with rules changed by id; None takes one out."""
        policy = json.loads(json.dumps(site.policy))
        policy["rules"] = [{**rule, **(rules.get(rule["id"].replace("-", "_")) or {})} for rule in policy["rules"]
                           if rules.get(rule["id"].replace("-", "_"), True) is not None]
        site._put(name, policy)
        return site.root / name

    def requests(self, site):
        """Allowed, denied by a rule, denied by default, anonymous, refused for its path."""
        seen = [self.ask(site, *asked).status for asked in (
            ("GET", "/page", [site.bearer("robot")]), ("GET", "/page", [site.bearer("ci")]),
            ("POST", "/page", [site.bearer("robot")]), ("GET", "/vault/x", [site.bearer("robot")]),
            ("GET", "/admin//x", [site.bearer("ci")]), ("GET", "/public/x"), ("GET", "/page"), ("GET", "/%zz"))]
        self.assertEqual(seen, [200, 200, 403, 403, 403, 200, 401, 400])

    def replay(self, site, policy, *more, code=0):
        done = tallygate("policy", "replay", "-c", site.config, "--policy", policy, "--json", *more)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return json.loads(done.stdout)

    def erase(self, site, user):
        place = ["-c", site.config]
        said = tallygate("audit", "erase", user, *place).stdout
        words = re.search(r"^\s+tallygate (keys grant .*)$", said, re.MULTILINE).group(1).split()
        grant = site.root / "erase.grant"
        words[words.index("-o") + 1] = grant
        words[words.index("--key") + 1] = site.root / "provisioning.key.pem"
        self.assertEqual(tallygate(*words, "--passphrase-file", self.passphrase).returncode, 0)
        self.assertEqual(tallygate("audit", "erase", user, "--grant", grant, *place).returncode, 0)

    def noted(self, site):
        return [entry for entry in journal.entries(site.journal) if entry["kind"] == "journal.read"]

    def test_the_record_is_replayed_and_the_reading_is_on_record(self):
        site = self.new_site()
        closed = self.candidate(site, "closed.yaml", read_pages=None)
        opened = self.candidate(site, "opened.yaml", write_pages={"roles": ["reader"]})
        renamed = self.candidate(site, "renamed.yaml", public_pages={"id": "open-pages"})
        with Gateway(site):
            self.requests(site)
            same = self.replay(site, site.root / "policy.yaml")
            self.assertEqual(same["counts"], {"same": 7, "allow-to-deny": 0, "deny-to-allow": 0, "step-up": 0,
                                              "other-rule": 0})
            self.assertEqual((same["cannot_replay"], same["not_asked"], same["groups"]), (0, 1, []))
            self.assertTrue(same["ok"])

            answer = self.replay(site, closed, "--jobs", "3")
            self.assertEqual(answer["counts"]["allow-to-deny"], 2)
            self.assertEqual(sorted((group["change"], group["from"], group["to"], group["resource"], group["count"])
                                    for group in answer["groups"]),
                             [("allow-to-deny", "allow read-pages", "deny default", "wiki", 1)] * 2
                             + [("step-up", "step-up login", "deny default", "wiki", 1)])
            self.assertFalse(any(group["opens"] for group in answer["groups"]))
            self.assertEqual(self.replay(site, renamed)["counts"]["other-rule"], 1)

            answer = self.replay(site, opened, code=1)
            self.assertEqual(answer["counts"]["deny-to-allow"], 1)
            (group,) = answer["groups"]
            self.assertEqual((group["from"], group["to"]), ("deny default", "allow write-pages"))
            self.assertEqual(group["roles"], ["everyone", "authenticated", "reader"])
            example = journal.entries(site.journal)[group["example"]]
            self.assertEqual((example["request"]["method"], example["actor"]["user"]), ("POST", "robot"))
            self.assertEqual(group["first"], example["time"])
            text = tallygate("policy", "replay", "-c", site.config, "--policy", opened)
            self.assertEqual(text.returncode, 1)
            self.assertIn("deny default -> allow write-pages", text.stdout)
            self.assertIn("OPENS", text.stdout)
            self.assertEqual(text.stderr, "", "no bar where there is no terminal")

            self.assertEqual(self.replay(site, opened, "--to", "7d")["counts"]["same"], 0, "nothing is as old as that")
            self.assertEqual(self.replay(site, opened, "--from", "1h", code=1)["counts"]["same"], 6)
        notes = [note for note in self.noted(site) if note["command"] == "policy replay"]
        self.assertEqual(len(notes), 7)
        self.assertEqual(notes[-1]["from"], "1h")
        self.assertRegex(notes[0]["policy"], "^[0-9a-f]{64}$")
        self.assert_sound(site)

    def test_what_opens_can_be_accepted_with_a_reason(self):
        site = self.new_site()
        opened = self.candidate(site, "opened.yaml", write_pages={"roles": ["reader"]})
        accept = site.root / "accept.yaml"
        with Gateway(site):
            self.requests(site)
        accept.write_text("version: 1\naccept:\n"
                          "  - {from: deny default, to: allow write-pages, role: reader, reason: TICKET-7}\n"
                          "  - {resource: shop, reason: nobody ever asked}\n")
        answer = self.replay(site, opened, "--accept", accept)
        self.assertEqual(answer["groups"][0]["accepted"], "TICKET-7")
        self.assertEqual([(unused["line"], unused["column"]) for unused in answer["unused_accepts"]], [(4, 5)])
        accept.write_text("accept:\n  - {to: allow write-pages}\n")
        refused = tallygate("policy", "replay", "-c", site.config, "--policy", opened, "--accept", accept)
        self.assertEqual(refused.returncode, 2)
        self.assertIn("accept.yaml:2:5: an accepted change has no 'reason'", refused.stderr)
        self.assertEqual(tallygate("policy", "replay", "-c", site.config, "--policy", site.root / "none").returncode, 3)

    def test_a_copy_can_be_replayed_by_whoever_has_no_keys_and_says_that_it_is_not_on_record(self):
        site = self.new_site()
        with Gateway(site):
            self.requests(site)
        before = journal.size(site.journal)
        site.head.parent.rename(site.root / "elsewhere")
        done = tallygate("policy", "replay", "--journal", site.journal, "--policy", site.root / "policy.yaml", "--json")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(json.loads(done.stdout)["counts"]["same"], 7)
        self.assertIn("the reading is not on record", done.stderr)
        self.assertIn("nothing is written to a journal that --journal names", done.stderr)
        self.assertEqual(journal.size(site.journal), before)
        refused = tallygate("policy", "replay", "-c", site.config, "--policy", site.root / "policy.yaml")
        self.assertEqual(refused.returncode, 3, "the gateway's own configuration reads nothing off the record")
        self.assertEqual(refused.stdout, "")

    def test_keys_open_nothing_where_the_reading_is_not_on_record(self):
        site = self.new_site()
        del site.settings["audit"]["journal"]["seal"]
        site.write()
        head = site.head.parent
        keys = ["--journal", site.journal, "--keyring", head / "keyring.db", "--kek", f"file:{head / 'kek'}"]
        with Gateway(site):
            self.requests(site)
            before = journal.size(site.journal)
            done = tallygate("policy", "replay", *keys, "--head", site.root / "none", "--policy",
                             site.root / "policy.yaml", "--json")
            self.assertEqual(journal.size(site.journal), before)
        self.assertEqual(done.returncode, 3, done.stderr)
        answer = json.loads(done.stdout)
        self.assertEqual((answer["counts"]["same"], answer["cannot_replay"]), (0, 7))
        self.assertIn("so no sealed person is read", done.stderr)
        self.assertIn("writes this journal already", done.stderr)
        (head / "head").rename(head / "away")
        shown = tallygate("audit", "query", *keys, "--kind", "access.allow", "--format", "json")
        self.assertEqual(shown.returncode, 0, shown.stderr)
        self.assertNotIn("robot", shown.stdout)
        self.assertIn("so no sealed person is read", shown.stderr)

    def test_retired_decisions_are_counted_and_said_to_be_retired(self):
        site = self.new_site()
        place = ["-c", site.config]
        grant = site.root / "retire.grant"
        with Gateway(site):
            self.requests(site)
            self.assertEqual(tallygate("audit", "seal", *place).returncode, 0)
            last = json.loads(tallygate("audit", "retire", *place, "--keep", "1s", "--json").stdout)["segments"][0]["last"]
            done = tallygate("keys", "grant", "journal.retire", "first=0", f"last={last}", "--journal", site.journal, "--key",
                             site.root / "provisioning.key.pem", "--passphrase-file", self.passphrase, "-o", grant)
            self.assertEqual(done.returncode, 0, done.stderr)

            def retired():
                tallygate("audit", "retire", *place, "--keep", "1s", "--apply", "--grant", grant)
                return any(entry["kind"] == "journal.retire" for entry in journal.entries(site.journal, last + 1))

            decided = next(entry["seq"] for entry in journal.entries(site.journal) if entry["kind"] == "access.allow")
            wait_until(retired)
            self.requests(site)
            (by,) = [entry["seq"] for entry in journal.entries(site.journal, last + 1) if entry["kind"] == "journal.retire"]
        answer = self.replay(site, site.root / "policy.yaml")
        self.assertEqual((answer["counts"]["same"], answer["not_asked"]), (7, 1))
        self.assertLessEqual(answer["retired"]["first"], decided)
        self.assertGreaterEqual(answer["retired"]["entries"], 8)
        text = tallygate("policy", "replay", *place, "--policy", site.root / "policy.yaml").stdout
        self.assertRegex(text, r"\d+  retired +entries without a body, from seq \d+ to \d+")
        done = tallygate("audit", "decisions", *place, "--root", site.root_key, "--json")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(json.loads(done.stdout)["retired"], answer["retired"])
        self.assertRegex(tallygate("audit", "decisions", *place).stdout, r"\d+  retired: entries without a body")
        for command in (["policy", "explain", "--entry", decided], ["audit", "show", decided]):
            done = tallygate(*command, *place)
            self.assertEqual(done.returncode, 3, done.stderr)
            self.assertIn(f"entry {decided}: its body was retired, as entry {by} says", done.stderr)

    def test_forged_decisions_are_found_without_the_person_they_are_for(self):
        site = self.new_site()
        del site.settings["audit"]["journal"]["seal"]
        site.write()
        with Gateway(site):
            self.requests(site)
        self.erase(site, "robot")
        entries = journal.entries(site.journal)
        (subject,) = [entry["subject"] for entry in entries if entry["kind"] == "journal.erase"]
        seq = next(entry["seq"] for entry in entries if entry.get("decision", {}).get("reasons") == ["login"])

        def forged(change):
            copy = site.root / "forged"
            shutil.rmtree(copy, ignore_errors=True)
            shutil.copytree(site.journal, copy)
            segment = sorted(copy.glob("[0-9]*.db"))[0]
            segment.chmod(0o644)
            entry = dict(entries[seq])
            change(entry)
            with contextlib.closing(sqlite3.connect(segment)) as file:
                for (trigger,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
                    file.execute(f"DROP TRIGGER {trigger}")
                body = json.dumps(entry, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
                file.execute("UPDATE entry SET body = ? WHERE seq = ?", (body.encode(), seq))
                file.commit()
            done = tallygate("audit", "decisions", "--journal", copy, "--json")
            return done.returncode, {finding["what"] for finding in json.loads(done.stdout)["findings"]
                                     if finding["seq"] == seq}

        def allow(entry):
            entry["kind"] = "access.allow"
            entry["decision"] = {**entry["decision"], "effect": "allow", "rule": "admin-pages", "reasons": ["rule"]}
            entry["decision"].pop("needs")
            entry["request"] = {**entry["request"], "path": "/admin/x"}
            entry["sealed"] = {**entry["sealed"], "subject": subject}

        self.assertEqual(forged(lambda entry: None), (3, set()), "the keys are not at hand")
        self.assertEqual(forged(allow), (1, {"decision-differs", "roles-differ"}))

    def test_every_decision_follows_from_the_policy_recorded_with_it(self):
        site = self.new_site()
        with Gateway(site) as gateway:
            self.requests(site)
            site.policy["rules"][0]["roles"] = ["admin"]
            site.write()
            gateway.reload()
            wait_until(lambda: self.ask(site, "GET", "/page", [site.bearer("robot")]).status == 403)
            done = tallygate("audit", "decisions", "-c", site.config, "--root", site.root_key, "--json")
        self.assertEqual(done.returncode, 0, done.stderr + done.stdout)
        answer = json.loads(done.stdout)
        self.assertTrue(answer["ok"] and answer["record_whole"])
        self.assertGreaterEqual(answer["computed"], 8)
        self.assertEqual((answer["not_asked"], answer["findings"]), (1, []))
        self.assertEqual(self.noted(site)[-1]["command"], "audit decisions")

    def test_an_entry_is_explained_under_its_own_policy_or_another(self):
        site = self.new_site()
        opened = self.candidate(site, "opened.yaml", write_pages={"roles": ["reader"]})
        with Gateway(site):
            answer = self.ask(site, "POST", "/page", [site.bearer("robot")])
            refused = self.ask(site, "GET", "/%zz")
            entries = journal.entries(site.journal)
            seq = self.decision(site, answer, entries)["seq"]
            place = ["--entry", seq, "-c", site.config]
            done = tallygate("policy", "explain", *place, "--expect", "deny default")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertRegex(done.stdout, r"decision +deny default")
            self.assertRegex(done.stdout, r"near misses +write-pages +1 clause: role-missing")
            self.assertRegex(done.stdout, rf"recorded +deny default  \(seq {seq}, .*: same")
            done = tallygate("policy", "explain", opened, *place, "--json")
            self.assertEqual(done.returncode, 0, done.stderr)
            told = json.loads(done.stdout)
            self.assertEqual(told["recorded"]["change"], "deny-to-allow")
            self.assertEqual((told["request"]["host"], told["request"]["route"]), ("wiki.example.com", "wiki"))
            self.assertEqual(tallygate("policy", "explain", opened, *place, "--expect", "deny").returncode, 1)
            for wrong, why in ((0, "no decision"), (99_999, "none of this number"), (10**18 - 1, "none of this number"),
                               (self.decision(site, refused)["seq"], "refused before a policy was asked: bad-percent")):
                done = tallygate("policy", "explain", "--entry", wrong, "--journal", site.journal)
                self.assertEqual(done.returncode, 1, done.stderr)
                self.assertIn(why, done.stderr)
            for *command, number in (["policy", "explain", "--entry", 10**18 - 1], ["audit", "show", 10**18 - 1]):
                done = tallygate(*command, number, "-c", site.config)
                self.assertEqual(done.returncode, 1)
                self.assertIn(f"entry {number}: the journal has none of this number\n", done.stderr)
        self.assertEqual(tallygate("policy", "explain", "--entry", seq).returncode, 2)
        self.assertEqual(tallygate("policy", "explain", *place, "--url", "/x").returncode, 2)
        self.assertEqual(tallygate("policy", "explain", opened).returncode, 2)
        self.assertEqual(tallygate("policy", "explain", "--url", "https://a/").returncode, 2)
        self.assertEqual(self.noted(site)[0]["entry"], seq)

    def test_sealed_people_are_replayed_with_their_keys_and_erased_ones_never(self):
        site = self.new_site()
        del site.settings["audit"]["journal"]["seal"]
        site.write()
        policy = site.root / "policy.yaml"
        with Gateway(site):
            self.requests(site)
        self.assertEqual(self.replay(site, policy)["counts"]["same"], 7)
        done = tallygate("audit", "decisions", "-c", site.config, "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["computed"]), (0, 7), done.stderr)
        place = ["-c", site.config]
        self.erase(site, "robot")
        answer = self.replay(site, policy)
        self.assertEqual((answer["counts"]["same"], answer["cannot_replay"]), (4, 3))
        self.assertEqual([reason["reason"] for reason in answer["reasons"]],
                         ["erased: the person's key was destroyed"])
        done = tallygate("audit", "decisions", *place, "--json")
        self.assertEqual((done.returncode, json.loads(done.stdout)["erased"]), (0, 3), done.stderr)
        site.head.parent.rename(site.root / "elsewhere")
        done = tallygate("audit", "decisions", "--journal", site.journal, "--json")
        self.assertEqual(done.returncode, 3, "what could not be computed is no yes")
        self.assertEqual(json.loads(done.stdout)["computed"], 0)


class Shadow(SiteCase):
    def metrics(self, gateway):
        return {change: int(float(value)) for change, value in re.findall(
            r'^tallygate_shadow_decisions_total\{change="([^"]+)"\} (\S+)$', gateway.admin("/metrics")[1], re.MULTILINE)}

    def shadow_site(self):
        site = self.new_site()
        site.shadow = json.loads(json.dumps(site.policy))
        site.shadow["rules"] = [rule for rule in site.shadow["rules"] if rule["id"] != "read-pages"]
        site.shadow["rules"][0]["roles"] = ["reader"]  # write-pages
        site.settings["shadow_policy"] = "shadow.yaml"
        site._put("shadow.yaml", site.shadow)
        site.write()
        return site

    def test_a_shadow_is_recorded_and_counted_and_changes_no_answer(self):
        site = self.shadow_site()
        with Gateway(site) as gateway:
            allowed = self.ask(site, "GET", "/page", [site.bearer("robot")])
            refused = self.ask(site, "POST", "/page", [site.bearer("robot")])
            public = self.ask(site, "GET", "/public/x")
            bad = self.ask(site, "GET", "/%zz")
            self.assertEqual([answer.status for answer in (allowed, refused, public, bad)], [200, 403, 200, 400])
            self.assertEqual(self.metrics(gateway), {"same": 1, "allow-to-deny": 1, "deny-to-allow": 1, "step-up": 0,
                                                     "other-rule": 0})
            entries = journal.entries(site.journal)
            shadow = self.decision(site, allowed, entries)["decision"]["shadow"]
            live = self.decision(site, allowed, entries)["decision"]
            self.assertEqual((live["effect"], live["mode"]), ("allow", "enforce"))
            self.assertEqual((shadow["effect"], shadow["mode"], shadow["rule"], shadow["reasons"]),
                             ("deny", "shadow", "default", ["default"]))
            self.assertEqual(set(shadow), {"effect", "microseconds", "mode", "policy", "reasons", "roles", "rule"})
            self.assertEqual(self.decision(site, refused, entries)["decision"]["shadow"]["rule"], "write-pages")
            self.assertNotIn("shadow", self.decision(site, bad, entries)["decision"])
            loads = [entry for entry in entries if entry["kind"] == "policy.load"]
            self.assertEqual([load["policy"].get("mode") for load in loads], [None, "shadow"])
            self.assertEqual(loads[1]["policy"]["digest"], shadow["policy"])
            done = tallygate("audit", "decisions", "-c", site.config, "--json")
            self.assertEqual(done.returncode, 0, done.stdout)
        self.assert_sound(site)

    def test_headers_that_only_the_shadow_reads_refuse_no_request(self):
        site = self.shadow_site()
        site.shadow["conditions"] = {**site.shadow.get("conditions", {}), "zone": {"header": {"X-Zone": ["east"]}}}
        site.shadow["rules"][0]["when"] = ["zone"]
        site._put("shadow.yaml", site.shadow)
        with Gateway(site) as gateway:
            lines = [site.bearer("robot")]
            few = self.ask(site, "GET", "/page", [*lines, ("X-Zone", "east")])
            many = self.ask(site, "GET", "/page", [*lines, *[("X-Zone", "east")] * 65])
            self.assertEqual((few.status, many.status), (200, 200))
            self.assertIn("\ntallygate_shadow_skipped_total 1\n", gateway.admin("/metrics")[1])
            entries = journal.entries(site.journal)
            self.assertIn("shadow", self.decision(site, few, entries)["decision"])
            self.assertNotIn("shadow", self.decision(site, many, entries)["decision"])
            done = tallygate("audit", "decisions", "-c", site.config, "--json")
            self.assertEqual(done.returncode, 0, done.stdout)

    def test_a_reload_takes_up_another_shadow_and_keeps_the_old_one_where_it_is_broken(self):
        site = self.shadow_site()
        with Gateway(site) as gateway:
            def shadow_rule():
                answer = self.ask(site, "GET", "/page", [site.bearer("robot")])
                return answer.status, self.decision(site, answer)["decision"].get("shadow", {}).get("rule")

            self.assertEqual(shadow_rule(), (200, "default"))
            site._put("shadow.yaml", site.policy)
            gateway.reload()
            wait_until(lambda: shadow_rule() == (200, "read-pages"))

            # The candidate is broken, the policy beside it is not: that one comes into force.
            (site.root / "shadow.yaml").write_text("version: 1\npolicy: end-to-end\nruels: []\n")
            site.policy["rules"][0]["id"] = "read-all-pages"
            site.write()
            said = gateway.reload()
            self.assertIn("shadow.yaml:3:1: unknown key 'ruels'", said)
            self.assertIn("the old one stays", said)
            wait_until(lambda: self.decision(site, self.ask(site, "GET", "/page", [site.bearer("robot")]))
                       ["decision"]["rule"] == "read-all-pages")
            self.assertEqual(shadow_rule(), (200, "read-pages"))
            (site.root / "shadow.yaml").unlink()
            self.assertIn("shadow.yaml", gateway.reload())
            self.assertEqual(shadow_rule(), (200, "read-pages"))
            rejects = [entry for entry in journal.entries(site.journal) if entry["kind"] == "policy.reject"]
            self.assertEqual([reject["policy"] for reject in rejects], [{"mode": "shadow"}] * 2)
            self.assertIn("unknown key 'ruels'", rejects[0]["reason"])

            del site.settings["shadow_policy"]
            site.write()
            gateway.reload()
            wait_until(lambda: shadow_rule() == (200, None))
            self.assertEqual(tallygate("audit", "decisions", "-c", site.config).returncode, 0)

    def test_a_broken_shadow_is_an_error_at_the_start(self):
        site = self.shadow_site()
        (site.root / "shadow.yaml").write_text("version: 1\n")
        done = tallygate("serve", "-c", site.config)
        self.assertEqual(done.returncode, 2)
        self.assertIn("shadow.yaml:1:1", done.stderr)


if __name__ == "__main__":
    unittest.main()
