"""Logging in, being somebody, and logging out, with curl and its cookie jar."""

import html.parser
import unittest
import urllib.parse

from support import journal
from support.case import ServedCase, parse_json
from support.site import PASSWORDS


class Form(html.parser.HTMLParser):
    """The fields of the first form of a page."""

    def __init__(self, page):
        super().__init__()
        self.fields = {}
        self.attributes = None
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        if tag == "form" and self.attributes is None:
            self.attributes = attrs
        if tag == "input" and attrs.get("name"):
            self.fields[attrs["name"]] = attrs.get("value") or ""


class Login(ServedCase):
    def setUp(self):
        super().setUp()
        self.jar = self.folder / f"{self.id()}.cookies"

    def jar_curl(self, path, *options):
        return self.curl(path, "-b", str(self.jar), "-c", str(self.jar), *options)

    def form(self, path):
        status, headers, page = self.jar_curl(path, "-H", "Accept: text/html")
        self.assertEqual(status, 200, page)
        self.assertIn("content-security-policy", headers.lower())
        form = Form(page)
        self.assertEqual(form.attributes["method"].lower(), "post")
        return form

    def submit(self, path, fields, *options):
        origin = f"https://wiki.example.com:{self.site.port}"
        return self.jar_curl(path, "-H", "Accept: text/html", "-H", f"Origin: {origin}", "-d",
                             urllib.parse.urlencode(fields), *options)

    def log_in(self, user, password=None, back="/pages/1"):
        form = self.form("/.tallygate/login?" + urllib.parse.urlencode({"return": back}))
        names = [name for name in form.fields if name not in ("return", "csrf", "token")]
        user_field = next(name for name in names if "user" in name or "name" in name)
        password_field = next(name for name in names if "pass" in name)
        fields = {**form.fields, user_field: user, password_field: password or PASSWORDS[user]}
        return self.submit(form.attributes.get("action") or "/.tallygate/login", fields)

    def kinds(self):
        return [entry["kind"] for entry in journal.entries(self.site.journal)]

    def test_a_person_logs_in_works_and_logs_out(self):
        status, headers, _ = self.log_in("alice")
        self.assertEqual(status, 303, headers)
        cookie = next(line for line in headers.split("\r\n")
                      if line.lower().startswith("set-cookie: __host-tallygate="))
        for attribute in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
            self.assertIn(attribute.lower(), cookie.lower())
        self.assertNotIn("domain", cookie.lower())
        status, _, body = self.jar_curl("/headers")
        self.assertEqual(status, 200)
        told = dict(parse_json(body))
        self.assertEqual((told["X-Forwarded-User"], told["X-Forwarded-Email"]), ("alice", "alice@example.com"))
        self.assertNotIn("__Host-tallygate", told.get("Cookie", ""))
        who = parse_json(self.jar_curl("/.tallygate/whoami")[2])
        self.assertIn("alice", str(who))
        self.assertEqual(self.jar_curl("/echo", "-d", "an edit")[2], "an edit")

        stolen = self.jar.read_bytes()
        form = self.form("/.tallygate/logout")
        status, _, _ = self.submit(form.attributes.get("action") or "/.tallygate/logout", form.fields)
        self.assertIn(status, (200, 303))
        self.jar.write_bytes(stolen)  # the cookie from before is worth nothing now
        self.assertIn(self.jar_curl("/headers")[0], (401, 403))
        kinds = self.kinds()
        self.assertIn("session.start", kinds)
        self.assertIn("session.end", kinds)

    def test_a_wrong_password_lets_nobody_in_and_is_on_record(self):
        before = self.kinds().count("session.reject")
        status, headers, page = self.log_in("bob", "not his password")
        self.assertIn(status, (200, 401, 403))
        self.assertNotIn("set-cookie: __host-tallygate=", headers.lower())
        self.assertNotIn("not his password", page)
        self.assertEqual(self.jar_curl("/headers")[0], 401)
        self.assertEqual(self.kinds().count("session.reject"), before + 1)

    def test_an_unknown_user_is_answered_as_a_wrong_password_is(self):
        wrong = self.log_in("bob", "not his password")
        unknown = self.log_in("mallory", "not a password at all")
        self.assertEqual(wrong[0], unknown[0])

    def test_a_form_from_another_site_is_refused(self):
        form = self.form("/.tallygate/login")
        status, headers, _ = self.curl("/.tallygate/login", "-H", "Origin: https://evil.example.net", "-d",
                                       urllib.parse.urlencode({**form.fields, "user": "alice"}))
        self.assertIn(status, (400, 403))
        self.assertNotIn("set-cookie: __host-tallygate=", headers.lower())

    def test_the_way_back_stays_on_this_site(self):
        for evil in ("https://evil.example.net/", "//evil.example.net/", "/\\evil.example.net", "javascript:alert(1)"):
            with self.subTest(evil):
                self.jar.unlink(missing_ok=True)
                status, headers, _ = self.log_in("carol", back=evil)
                self.assertEqual(status, 303)
                location = next(line for line in headers.split("\r\n") if line.lower().startswith("location:"))
                self.assertNotIn("evil", location)
                self.assertNotIn("javascript", location)

    def test_a_contractor_is_refused_what_an_editor_may_do(self):
        self.log_in("bob")
        self.assertEqual(self.jar_curl("/pages/1")[0], 200)
        status, headers, page = self.jar_curl("/pages/1", "-X", "DELETE", "-H", "Accept: text/html")
        self.assertEqual(status, 403)
        identity = next(line for line in headers.split("\r\n") if line.lower().startswith("x-request-id:"))
        self.assertIn(identity.split(":")[1].strip(), page, "the page names the request, so that one can ask about it")


if __name__ == "__main__":
    unittest.main()
