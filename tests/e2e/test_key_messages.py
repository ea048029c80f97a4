"""What commands say about keys, grants and settings that are not right."""

import re
import shutil
import unittest

from support import journal
from support.losses import WITH_PASSPHRASE, LossCase, blocks
from support.site import Gateway, tallygate


class KeyMessages(LossCase):

    def grant(self, site, kind, *parameters, key=None, where=None):
        return tallygate("keys", "grant", kind, *parameters, *(where or ["--journal", site.journal]), "--key",
                         key or site.key, "-o", site.root / "x.grant",
                         env=WITH_PASSPHRASE)

    def test_a_grant_says_what_it_says_once_and_whole(self):
        site = self.copy()
        root = "A" * 43 + "="
        for parameters in (["journal.release", "hold="], ["journal.release", "hold=a", "hold=b"],
                           ["journal.recover", "kept=1:x"], ["journal.recover", f"kept=1:{root}", "abandoned=1:x"],
                           ["journal.recover", f"abandoned=1:{root}"],
                           ["journal.release", "hold=a", "--expires", "0s"]):
            done = self.grant(site, *parameters)
            self.assertEqual(done.returncode, 2, f"{parameters}: {done.stdout} {done.stderr}")
            self.assertFalse((site.root / "x.grant").exists())

    def test_a_grant_is_signed_by_the_journals_own_provisioning_key(self):
        site = self.copy()
        other = site.root / "other.pem"
        self.done("keys", "provision", "--origin", "x.example.com/journal", "-o", other,
                  env=WITH_PASSPHRASE)
        done = self.grant(site, "journal.release", "hold=some", key=other)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertIn("not this journal's provisioning key", done.stderr)

    def test_no_key_is_made_for_an_origin_that_no_journal_may_have(self):
        site = self.copy()
        done = tallygate("keys", "provision", "--origin", "https://x.example.com", "-o", site.root / "no.pem",
                         env=WITH_PASSPHRASE)
        self.assertEqual(done.returncode, 2, done.stdout)
        self.assertFalse((site.root / "no.pem").exists())

    def test_to_revoke_says_the_next_command_for_what_there_is(self):
        site = self.copy()
        listed = self.done("keys", "list", "-c", site.config)
        vkeys = re.findall(r"^\s+(\S+\+[0-9a-f]{8}\+\S+)$", listed, re.MULTILINE)
        vkey = vkeys[-1]
        for name, size in (("nosuch", None), ("nosuch", 5), (vkey.replace("/journal+", "/other+"), 5)):
            nobody = tallygate("keys", "revoke", name, *([] if size is None else ["--size", size]), "-c", site.config)
            self.assertEqual(nobody.returncode, 1, nobody.stderr)
            self.assertNotIn("keys grant", nobody.stderr)
            self.assertIn(f"'{name}'", nobody.stderr)
            self.assertIn(f"tallygate keys list -c {site.config}", nobody.stderr)
        root = tallygate("keys", "revoke", vkeys[0], "--size", 5, "-c", site.config)
        self.assertEqual(root.returncode, 1)
        self.assertIn("provisioning key", root.stderr)
        self.assertNotIn("keys grant", root.stderr)
        asked = tallygate("keys", "revoke", vkey, "--size", 30, "-c", site.config)
        self.assertEqual(asked.returncode, 1)
        self.assertIn("tallygate keys grant key.revoke key=", asked.stderr)

    def test_a_revocation_that_is_repeated_is_told_to_be_done(self):
        site = self.copy()

        def granted(kind, *parameters):
            file = site.root / f"{kind}.grant"
            self.done("keys", "grant", kind, *parameters, "--journal", site.journal, "--key", site.key, "-o", file,
                      env=WITH_PASSPHRASE)
            return file

        told = self.done("keys", "rotate", "--prepare", "-c", site.config)
        prepared = told.split("\n")[0]
        after = re.search(r"after=[0-9]+:[^ ]+", told)[0]
        listed = self.done("keys", "list", "-c", site.config)
        vkey = re.findall(r"^\s+(\S+\+[0-9a-f]{8}\+\S+)$", listed, re.MULTILINE)[-1]
        revoke = ("keys", "revoke", vkey, "--size", 5, "-c", site.config, "--grant",
                  granted("key.revoke", f"key={vkey}", "size=5"), "--next", granted("key.rotate", f"key={prepared}", after))
        seq = re.search(r"entry (\d+)", self.done(*revoke)).group(1)
        again = self.done(*revoke)
        self.assertIn(f"by entry {seq}: there is nothing to do", again)
        self.assertEqual([entry["seq"] for entry in journal.entries(site.journal) if entry["kind"] == "key.revoke"],
                         [int(seq)])

    def test_a_malformed_vkey_is_a_usage_error(self):
        site = self.copy()
        done = tallygate("audit", "verify", "--journal", site.journal, "--root", "gw/root+12345678+AAAA")
        self.assertEqual(done.returncode, 2, done.stderr)

    def test_a_checkpoint_out_of_a_keys_turn_is_answered_with_no(self):
        site = self.copy()
        fork = self.copy()
        for one in (site, fork):
            self.done("keys", "rotate", "-c", one.config)
        note = site.root / "fork"
        note.write_bytes(blocks(fork.head)[0])
        done = tallygate("audit", "consistency", "--journal", site.journal, "--from", note, "-o", site.root / "p")
        self.assertEqual(done.returncode, 1, done.stderr)

    def test_no_statement_of_sql_is_shown(self):
        site = self.copy()
        site.keyring.write_bytes(b"garbage" * 1000)
        done = tallygate("audit", "seal", "-c", site.config)
        self.assertNotEqual(done.returncode, 0)
        self.assertNotIn("PRAGMA", done.stderr)

    def test_without_a_heartbeat_in_the_settings_the_charters_holds(self):
        site = self.new_site()
        for folder in (site.journal, site.head.parent):
            shutil.rmtree(folder)
        self.done("keys", "provision", "--origin", "gw.example.com/journal", "--key", site.root / "provisioning.key.pem",
                  "--journal", site.journal, "--head", site.head, "--heartbeat", "1m",
                  env=WITH_PASSPHRASE)
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)


if __name__ == "__main__":
    unittest.main()
