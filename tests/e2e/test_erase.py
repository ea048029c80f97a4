"""Sealed persons: what the record shows to whom, and how one is erased while a gateway runs."""

import json
import re
import subprocess
import unittest

from support import journal
from support.case import SiteCase
from support.site import Gateway, tallygate


class Erase(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.passphrase = cls.folder / "passphrase"
        cls.passphrase.write_text("a passphrase of the tests\n")

    def new_sealed_site(self):
        site = self.new_site()
        del site.settings["audit"]["journal"]["seal"]  # sealing is what a gateway does by itself
        site.write()
        return site

    def run_ok(self, *arguments):
        done = tallygate(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def query(self, site, *arguments):
        return json.loads(self.run_ok("audit", "query", *arguments, "--format", "json"))

    def holding(self, site, text):
        """Names of files under the journal and head folders that hold a text."""
        return [file.name for folder in (site.journal, site.head.parent) for file in folder.rglob("*")
                if file.is_file() and text.encode() in file.read_bytes()]

    def grant(self, site, command):
        """Does what a dry run says has to be done where the provisioning key is."""
        words = command.split()
        file = self.folder / "erase.grant"
        file.unlink(missing_ok=True)
        words[words.index("-o") + 1] = file
        words[words.index("--key") + 1] = site.root / "provisioning.key.pem"
        self.run_ok(*words, "--passphrase-file", self.passphrase)
        return file

    def test_a_person_is_erased_while_the_gateway_runs_and_comes_back_as_somebody_new(self):
        site = self.new_sealed_site()
        place = ["-c", site.config]
        with Gateway(site):
            for name in ("robot", "ci", "robot"):
                answer = self.ask(site, "GET", "/page", [site.bearer(name), ("User-Agent", "peculiar/7")])
                self.assertEqual(answer.status, 200)
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)

            # Without keys nobody sees who it was; with them, by name.
            self.assertEqual(self.query(site, "--journal", site.journal, "--user", "robot"), [])
            self.assertEqual(self.holding(site, "peculiar/7"), [])
            mine = self.query(site, *place, "--user", "robot")
            self.assertEqual([entry["actor"]["subject"] for entry in mine], ["robot"] * 2)
            self.assertEqual({entry["client"]["user_agent"] for entry in mine}, {"peculiar/7"})
            keyring = ["--journal", site.journal, "--keyring", site.head.parent / "keyring.db"]
            self.assertEqual(self.query(site, *keyring, "--user", "robot"), mine)
            subject = mine[0]["sealed"]["subject"]
            recorded = self.query(site, "--journal", site.journal, "--user", subject)
            self.assertEqual([entry["seq"] for entry in recorded], [entry["seq"] for entry in mine])
            shown = self.run_ok("audit", "show", mine[0]["seq"], *place)
            self.assertIn('"subject": "robot"', shown)

            # The dry run says what to do; a hold is in the way.
            said = self.run_ok("audit", "erase", "robot", *place)
            self.assertIn(f"subject {subject}: 2 entries", said)
            command = re.search(r"^\s+tallygate (keys grant .*)$", said, re.MULTILINE).group(1)
            file = self.grant(site, command)
            self.run_ok("audit", "hold", "add", "case-1", "--first", 0, "--last", 99, *place)
            refused = tallygate("audit", "erase", "robot", "--grant", file, *place)
            self.assertEqual(refused.returncode, 1)
            self.assertIn("case-1", refused.stderr)
            release = self.folder / "release.grant"
            self.run_ok("keys", "grant", "journal.release", "hold=case-1", "--journal", site.journal, "--key",
                        site.root / "provisioning.key.pem", "--passphrase-file", self.passphrase, "-o", release)
            self.run_ok("audit", "hold", "release", "case-1", "--grant", release, *place)

            erased = json.loads(self.run_ok("audit", "erase", "robot", "--grant", file, *place, "--json"))
            self.assertTrue(erased["erased"])
            self.assertEqual(erased["subject"], subject)
            shown = self.run_ok("audit", "show", mine[0]["seq"], *place)
            self.assertNotIn("robot", shown)
            self.assertRegex(shown, rf"erased on \d{{4}}-.*Z, seq {erased['seq']}\n")
            self.assertEqual(self.query(site, *place, "--user", "robot"), [])
            self.assertEqual(len(self.query(site, *place, "--user", "ci")), 1)

            self.assertIn("was erased on ", tallygate("audit", "erase", subject, *place).stderr)
            nobody = tallygate("audit", "erase", "robot", *place)
            self.assertEqual(nobody.returncode, 1)
            self.assertIn("nobody with a key is known as robot", nobody.stderr)

            # Who comes back has another key.
            self.assertEqual(self.ask(site, "GET", "/page", [site.bearer("robot")]).status, 200)
            again = self.query(site, *place, "--user", "robot")
            self.assertEqual(len(again), 1)
            self.assertNotEqual(again[0]["sealed"]["subject"], subject)
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/page", [site.bearer("robot")]).status, 200)
        self.assertEqual(len(self.query(site, *place, "--user", "robot")), 2)
        self.assertEqual(self.holding(site, "peculiar/7"), [])
        kinds = [entry["kind"] for entry in journal.entries(site.journal)]
        self.assertEqual(kinds.count("journal.erase"), 1)
        self.assert_sound(site)

    def test_a_person_is_found_by_mail_address_and_uuid_and_what_stays_is_told(self):
        site = self.new_sealed_site()
        place = ["-c", site.config]
        with Gateway(site) as gateway:
            token = self.pki.issuer.token("u-4711", ["staff"], email="mallory@mail.test")
            self.assertEqual(self.ask(site, "GET", "/page", [("Authorization", f"Bearer {token}")]).status, 200)
            self.assertEqual(self.ask(site, "GET", "/page", [site.bearer("robot")]).status, 200)
            seen = self.query(site, *place, "--user", "mallory@mail.test")
            subject = seen[0]["sealed"]["subject"]
            for name in ("u-4711", "mallory@mail.test", subject):
                told = json.loads(self.run_ok("audit", "erase", name, *place, "--json"))
                self.assertEqual(told["subject"], subject)
                self.assertEqual(told["in_clear"], 0)
            self.assertIn("0 entries hold any of these names in the clear",
                          self.run_ok("audit", "erase", "u-4711", *place))

            site.policy["bindings"].append({"role": "reader", "users": ["u-4711"]})
            site.write()
            gateway.reload()
            self.run_ok("audit", "hold", "add", "case-2", "--first", 0, "--last", 1, "--reason",
                        "as mallory@mail.test asked", *place)
            told = json.loads(self.run_ok("audit", "erase", "u-4711", *place, "--json"))
            self.assertEqual(told["clear_kinds"], {"journal.hold": 1, "policy.load": 1})
            self.assertIn("2 entries hold one of these names in the clear, which no erasure reaches: journal.hold 1, "
                          "policy.load 1", self.run_ok("audit", "erase", subject, *place))
            refused = tallygate("keys", "grant", "journal.erase", "subject=mallory@mail.test", "--journal", site.journal,
                                "--key", site.root / "provisioning.key.pem", "--passphrase-file", self.passphrase, "-o",
                                self.folder / "named.grant")
            self.assertEqual(refused.returncode, 2)
            self.assertIn("subject must be the UUID", refused.stderr)

            users = json.loads(self.run_ok("audit", "stats", *place, "--json"))["users"]
            self.assertNotIn("mallory@mail.test", users)
            self.assertEqual(users["u-4711"], len(self.query(site, *place, "--user", "u-4711")))
        self.assert_sound(site)

    def test_the_same_names_under_another_key_are_told_with_the_way_on(self):
        site = self.new_sealed_site()
        place = ["-c", site.config]
        with Gateway(site):
            for subject in ("u-1", "u-2"):
                token = self.pki.issuer.token(subject, ["staff"], email="desk@mail.test")
                self.assertEqual(self.ask(site, "GET", "/page", [("Authorization", f"Bearer {token}")]).status, 200)
            other = self.query(site, *place, "--user", "u-2")[0]["sealed"]["subject"]
            said = self.run_ok("audit", "erase", "u-1", *place)
            self.assertIn(f"subject {other}, as desk@mail.test in 1 entries", said)
            way = re.search(r"^\s+tallygate (audit erase .*)$", said, re.MULTILINE).group(1)
            self.assertIn(f"subject {other}: 1 entries", self.run_ok(*way.split()))
            file = self.grant(site, re.search(r"^\s+tallygate (keys grant .*)$", said, re.MULTILINE).group(1))
            done = self.run_ok("audit", "erase", "u-1", "--grant", file, *place)
            self.assertIn("the names can still be read in those of the subjects above", done)
            self.assertIn(other, done)

    def test_a_name_is_no_command_of_the_line_that_is_to_be_pasted(self):
        site = self.new_sealed_site()
        name = "o'; echo taken; '"
        with Gateway(site):
            token = self.pki.issuer.token(name, ["staff"])
            self.assertEqual(self.ask(site, "GET", "/page", [("Authorization", f"Bearer {token}")]).status, 200)
            said = self.run_ok("audit", "erase", name, "-c", site.config)
        way = re.search(r"^\s+tallygate (audit erase .*--grant.*)$", said, re.MULTILINE).group(1)
        read = subprocess.run(["sh", "-c", f"printf '%s\\n' {way}"], capture_output=True, text=True, check=True, timeout=30)
        self.assertEqual(read.stdout.splitlines()[:3], ["audit", "erase", name])
        self.assertNotIn("taken", read.stdout.splitlines())

    def test_people_without_a_name_are_erased_a_segment_at_a_time(self):
        site = self.new_sealed_site()
        place = ["-c", site.config]
        with Gateway(site):
            for agent in ("peculiar/1", "peculiar/2"):
                self.assertEqual(self.ask(site, "GET", "/public/x", [("User-Agent", agent)]).status, 200)
                self.run_ok("audit", "seal", *place)
            seen = self.query(site, *place, "--kind", "access.allow")
            subjects = [entry["sealed"]["subject"] for entry in seen]
            self.assertEqual(len(set(subjects)), 2)
            said = self.run_ok("audit", "erase", subjects[0], *place)
            self.assertIn("people who were not known", said)
            file = self.grant(site, re.search(r"^\s+tallygate (keys grant .*)$", said, re.MULTILINE).group(1))
            self.run_ok("audit", "erase", subjects[0], "--grant", file, *place)
            left = [entry.get("client", {}).get("user_agent") for entry in self.query(site, *place, "--kind", "access.allow")]
            self.assertEqual(left, [None, "peculiar/2"])
        self.assert_sound(site)
        checked = tallygate("audit", "decisions", *place, "--root", site.root_key)
        self.assertEqual(checked.returncode, 0, checked.stdout + checked.stderr)

    def test_anonymous_people_are_sealed_too(self):
        site = self.new_sealed_site()
        with Gateway(site):
            for _ in range(3):
                self.assertEqual(self.ask(site, "GET", "/public/x", [("User-Agent", "peculiar/8")]).status, 200)
        self.assertEqual(self.holding(site, "peculiar/8"), [])
        seen = [entry for entry in self.query(site, "-c", site.config, "--kind", "access.allow")]
        self.assertEqual([entry["client"]["user_agent"] for entry in seen], ["peculiar/8"] * 3)
        self.assertEqual({entry["actor"]["method"] for entry in seen}, {"anonymous"})
        self.assertEqual(len({entry["sealed"]["subject"] for entry in seen}), 1)
        self.assert_sound(site)


if __name__ == "__main__":
    unittest.main()
