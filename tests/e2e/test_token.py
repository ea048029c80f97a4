"""A journal whose provisioning key and key-encryption key are on a token (SoftHSM)."""

import json
import os
import pty
import shutil
import subprocess
import unittest

from support import journal
from support.case import SiteCase
from support.site import Gateway, tallygate

MODULE = "/usr/lib/softhsm/libsofthsm2.so"
PIN = "4711-0815"
ORIGIN = "gw.example.com/journal"


class OnAToken(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        (cls.folder / "tokens").mkdir()
        conf = cls.folder / "softhsm2.conf"
        conf.write_text(f"directories.tokendir = {cls.folder / 'tokens'}\nobjectstore.backend = file\n")
        os.environ["SOFTHSM2_CONF"] = str(conf)
        cls.addClassCleanup(os.environ.pop, "SOFTHSM2_CONF")
        subprocess.run(["softhsm2-util", "--init-token", "--free", "--label", "safe", "--so-pin", "so-" + PIN,
                        "--pin", PIN], check=True, capture_output=True)
        cls.pin = cls.pin_file("pin", PIN)

    @classmethod
    def pin_file(cls, name, pin):
        file = cls.folder / name
        file.write_text(pin + "\n")
        file.chmod(0o600)
        return file

    def uri(self, label, pin=None):
        return f"pkcs11:token=safe;object={label}?module-path={MODULE}&pin-source=file:{pin or self.pin}"

    def at_a_terminal(self, typed, *arguments):
        """Runs a command whose terminal is a new one; gives its exit code and all that was shown there."""
        child, terminal = pty.fork()
        if child == 0:
            os.execv(os.environ["TALLYGATE_BIN"], ["tallygate", *map(str, arguments)])
        shown = b""
        try:
            while True:
                shown += (piece := os.read(terminal, 4096))
                if typed is not None and shown.endswith(b": "):
                    os.write(terminal, typed.encode() + b"\n")
                    typed = None
                if not piece:
                    break
        except OSError:  # how Linux says that nobody is there any more
            pass
        os.close(terminal)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), shown.decode()

    def run_ok(self, *arguments):
        done = tallygate(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertNotIn(PIN, done.stdout + done.stderr)
        return done.stdout

    def token_site(self, root, kek):
        """A site whose journal was made anew with keys on the token."""
        site = self.new_site()
        shutil.rmtree(site.journal)
        shutil.rmtree(site.head.parent)
        site.root_key.unlink()
        site.settings["audit"]["journal"]["kek"] = self.uri(kek)
        site.write()
        made = json.loads(self.run_ok("keys", "provision", "--origin", ORIGIN, "--pkcs11", self.uri(root), "--public-out",
                                      site.root_key, "-c", site.config, "--json"))
        self.assertTrue(made["made"])
        self.assertFalse((site.head.parent / "kek").exists())
        return site

    def test_a_gateway_writes_rotates_and_obeys_grants_without_a_private_key_on_its_disk(self):
        site = self.token_site("root", "kek")
        place = ["-c", site.config]
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            self.run_ok("keys", "rotate", *place)
            self.run_ok("audit", "hold", "add", "case-1", "--first", 0, "--last", 9, *place)
            grant = self.folder / "release.grant"
            self.run_ok("keys", "grant", "journal.release", "hold=case-1", "--journal", site.journal,
                        "--key", self.uri("root"), "-o", grant)
            self.run_ok("audit", "hold", "release", "case-1", "--grant", grant, *place)
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        with Gateway(site):
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
        kinds = [entry["kind"] for entry in journal.entries(site.journal)]
        self.assertEqual(kinds.count("key.rotate"), 1)
        self.assertIn("journal.release", kinds)
        self.assert_sound(site)

    def test_the_pin_is_asked_for_at_the_terminal_and_never_shown(self):
        uri = f"pkcs11:token=safe;object=typed?module-path={MODULE}"
        public = self.folder / "typed.pub"
        code, shown = self.at_a_terminal(PIN, "keys", "provision", "--origin", ORIGIN, "--pkcs11", uri,
                                         "--public-out", public)
        self.assertEqual(code, 0, shown)
        self.assertIn("PIN of the token safe: ", shown)
        self.assertNotIn(PIN, shown)
        self.assertTrue(public.exists())
        grant = self.folder / "typed.grant"
        arguments = ["keys", "grant", "journal.release", "hold=x", "--id", "018f3c1e-7b2a-4c3d-8e4f-5a6b7c8d9e0f",
                     "--key", uri, "-o", grant]
        code, shown = self.at_a_terminal("99-wrong-99", *arguments)
        self.assertNotEqual(code, 0)
        self.assertIn("the PIN is wrong", shown)
        self.assertNotIn("99-wrong-99", shown)
        code, shown = self.at_a_terminal("\x03", *arguments)
        self.assertIn("cancelled", shown)
        self.assertNotEqual(code, 0)
        self.assertFalse(grant.exists())
        code, shown = self.at_a_terminal(PIN, *arguments)
        self.assertEqual(code, 0, shown)
        self.assertTrue(grant.exists())
        without = tallygate(*arguments)  # no terminal: nobody is asked
        self.assertNotEqual(without.returncode, 0)
        self.assertIn("no PIN for the token", without.stderr)

    def test_without_the_right_pin_nothing_is_made_and_nothing_said_of_it(self):
        wrong = self.pin_file("wrong", "99-wrong-99")
        refused = tallygate("keys", "provision", "--origin", ORIGIN, "--pkcs11", self.uri("never", wrong))
        self.assertEqual(refused.returncode, 2)
        self.assertIn("the PIN is wrong", refused.stderr)
        self.assertNotIn("99-wrong-99", refused.stderr)
        value = tallygate("keys", "provision", "--origin", ORIGIN, "--pkcs11",
                          f"pkcs11:token=safe;object=never?module-path={MODULE}&pin-value={PIN}")
        self.assertEqual(value.returncode, 2)
        self.assertIn("pin-value is refused", value.stderr)
        self.assertNotIn(PIN, value.stderr)
        for uri in (self.uri("never"), self.uri("never").replace("token=safe", "token=lost")):
            grant = tallygate("keys", "grant", "journal.release", "hold=x", "--id", "018f3c1e-7b2a-4c3d-8e4f-5a6b7c8d9e0f",
                              "--key", uri, "-o", self.folder / "never.grant")
            self.assertNotEqual(grant.returncode, 0)
            self.assertFalse((self.folder / "never.grant").exists())


if __name__ == "__main__":
    unittest.main()
