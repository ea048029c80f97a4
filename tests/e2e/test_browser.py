"""The pages as a browser shows them. Screenshots are left in TALLYGATE_E2E_SCREENSHOTS, where it is set."""

import os
import unittest
from pathlib import Path

from support.browser import Browser
from support.case import ServedCase
from support.pki import HOST
from support.site import PASSWORDS

OVERFLOWS = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


class Pages(ServedCase):
    def setUp(self):
        super().setUp()
        self.browser = Browser([HOST])
        self.addCleanup(self.browser.close)
        self.origin = f"https://{HOST}:{self.site.port}"

    def look(self, name):
        """In both colour schemes and on a telephone: nothing is cut off or blocked, text can be told from ground."""
        for scheme in ("light", "dark"):
            self.browser.dark(scheme == "dark")
            self.assertNotEqual(self.browser.run("getComputedStyle(document.body).color"),
                                self.browser.run("getComputedStyle(document.body).backgroundColor"))
            self.save(f"{name}-{scheme}")
        self.browser.size(360, 740)
        self.assertFalse(self.browser.run(OVERFLOWS), "the page fits a telephone")
        self.save(f"{name}-small")
        self.browser.size(1280, 900)
        self.browser.dark(False)
        self.assertEqual(self.browser.complaints(), [])
        self.assertEqual(self.browser.run("document.documentElement.lang"), "en")
        self.assertTrue(self.browser.run("document.title"))

    def save(self, name):
        folder = os.environ.get("TALLYGATE_E2E_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.browser.screenshot(Path(folder) / f"{name}.png")

    def log_in(self, user, password=None):
        """Fills the form in as a person does: the field for the name, the one for the password, and the button."""
        return self.browser.act(f"""(() => {{
            const form = document.querySelector('form');
            form.querySelector('input[autocomplete=username]').value = {user!r};
            form.querySelector('input[type=password]').value = {password or PASSWORDS[user]!r};
            form.querySelector('button, input[type=submit]').click();
        }})()""")

    def test_the_login_page_leads_to_where_one_wanted_to_go(self):
        self.browser.open(f"{self.origin}/pages/7?view=full")
        self.assertIn("/.tallygate/login", self.browser.url())
        self.assertTrue(self.browser.run(
            "[...document.querySelectorAll('input:not([type=hidden])')].every(i => i.labels.length > 0)"),
            "every field has a label")
        self.look("login")
        self.log_in("alice", "wrong")
        self.assertIn("/.tallygate/login", self.browser.url())
        self.look("login-wrong")
        self.assertEqual(self.log_in("alice"), 200)
        self.assertEqual(self.browser.url(), f"{self.origin}/pages/7?view=full")
        self.assertIn("app: GET /pages/7?view=full", self.browser.text())

    def test_the_denial_page_says_why_and_whom_to_ask_about_what(self):
        self.browser.open(f"{self.origin}/.tallygate/login")
        self.log_in("bob")
        self.assertEqual(self.browser.open(f"{self.origin}/vault/gold"), 403)
        text = self.browser.text()
        self.assertIn("The vault opens for nobody. Ask the keeper.", text)
        self.assertRegex(text, "[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}")
        self.look("denied")

    def test_other_refusals_have_a_page_too(self):
        self.assertEqual(self.browser.open(f"{self.origin}/%2e%2e%5c"), 400)
        self.look("bad-request")

    def test_a_script_of_the_page_cannot_read_the_session_cookie(self):
        self.browser.open(f"{self.origin}/.tallygate/login")
        self.log_in("carol")
        self.assertNotIn("tallygate", self.browser.run("document.cookie"))


if __name__ == "__main__":
    unittest.main()
