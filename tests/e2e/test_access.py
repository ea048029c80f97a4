"""Who is let in, who is not, and what the application and the record are told about them."""

import json
import unittest

from support import journal
from support.case import ServedCase, parse_json
from support.pki import CLIENT_URI, b64url, openssl
from support.site import PASSWORDS


class Access(ServedCase):
    def last_decision(self, headers):
        identity = [line.split(":", 1)[1].strip() for line in headers.split("\r\n")
                    if line.lower().startswith("x-request-id:")]
        self.assertEqual(len(identity), 1, headers)
        found = journal.by_request_id(self.site.journal)[identity[0]]
        self.assertEqual(len(found), 1)
        return found[0]

    def bearer_curl(self, path, token, *options):
        return self.curl(path, "-H", f"Authorization: Bearer {token}", *options)

    def test_anonymous_people_get_public_pages_only(self):
        self.assertEqual(self.curl("/public/news")[0], 200)
        status, headers, body = self.curl("/pages/1")
        self.assertEqual(status, 401)
        self.assertIn("www-authenticate", headers.lower())
        self.assertEqual(parse_json(body)["status"], 401)
        decision = self.last_decision(headers)
        self.assertEqual(decision["kind"], "access.deny")
        self.assertEqual(decision["request"]["path"], "/pages/1")

    def test_a_browser_without_a_session_is_sent_to_the_login_page_and_back(self):
        status, headers, _ = self.curl("/pages/1?a=b", "-H", "Accept: text/html")
        self.assertEqual(status, 303)
        self.assertIn("/.tallygate/login", headers)
        self.assertIn("%2Fpages%2F1%3Fa%3Db", headers.replace("/pages/1?a=b", "%2Fpages%2F1%3Fa%3Db"))

    def test_a_service_token_opens_what_its_groups_may_open(self):
        status, headers, body = self.bearer_curl("/headers", self.site.tokens["robot"])
        self.assertEqual(status, 200, body)
        decision = self.last_decision(headers)
        self.assertEqual((decision["kind"], decision["decision"]["rule"]), ("access.allow", "read-pages"))
        self.assertEqual(decision["actor"]["subject"], "robot")
        status, headers, _ = self.bearer_curl("/pages/1", self.site.tokens["robot"], "-X", "PUT", "-d", "x")
        self.assertEqual(status, 403)
        self.assertEqual(self.last_decision(headers)["kind"], "access.deny")
        self.assertEqual(self.bearer_curl("/echo", self.site.tokens["ci"], "-d", "written")[2], "written")

    def test_an_unknown_service_token_is_refused(self):
        token = self.site.tokens["robot"]
        self.assertEqual(self.bearer_curl("/public/news", token[:-1] + ("A" if token[-1] != "A" else "B"))[0], 401)
        self.assertEqual(self.app.requests, [])

    def test_a_signed_token_is_believed_and_a_tampered_one_is_not(self):
        token = self.pki.issuer.token("erin", ["admins"], email="erin@example.com")
        status, headers, _ = self.bearer_curl("/admin/users", token)
        self.assertEqual(status, 200)
        decision = self.last_decision(headers)
        self.assertEqual((decision["actor"]["subject"], decision["decision"]["rule"]), ("erin", "admin-pages"))
        head, body, signature = token.split(".")
        forged = json.loads(b'{"groups":["admins"]}')
        wrong = {
            "signature": f"{head}.{body}.{signature[:-8]}AAAAAAAA",
            "claims": f"{head}.{b64url(json.dumps(forged).encode())}.{signature}",
            "no algorithm": f"{b64url(json.dumps({'alg': 'none'}).encode())}.{body}.",
            "another key": self.pki.stranger.token("erin", ["admins"]),
            "another audience": self.pki.issuer.token("erin", ["admins"], aud="other"),
            "another issuer": self.pki.issuer.token("erin", ["admins"], iss="https://other.example.com"),
            "expired": self.pki.issuer.token("erin", ["admins"], exp=1_600_000_000),
            "no expiry": self.pki.issuer.token("erin", ["admins"], exp=None),
            "embedded key": self.pki.issuer.token("erin", ["admins"], header={"jwk": {"kty": "RSA"}}),
        }
        for what, bad in wrong.items():
            with self.subTest(what):
                status, headers, _ = self.bearer_curl("/admin/users", bad)
                self.assertEqual(status, 401)
                self.assertEqual(self.last_decision(headers)["kind"], "access.deny")
        self.assertEqual(len(self.app.requests), 1, "only the good token reached the application")

    def test_a_client_certificate_is_an_identity_and_a_strangers_is_none(self):
        answer = self.ask(self.site, "GET", "/headers", certificate="client")
        self.assertEqual(answer.status, 200)
        self.assertEqual(dict(parse_json(answer.body))["X-Forwarded-User"], CLIENT_URI)
        decision = self.decision(self.site, answer)
        self.assertEqual(decision["actor"]["subject"], CLIENT_URI)
        self.assertIn("certificate", decision["client"])
        with self.assertRaises((OSError, AssertionError)):
            self.ask(self.site, "GET", "/public/news", certificate="stranger")

    def test_two_credentials_in_one_request_are_refused(self):
        answer = self.ask(self.site, "GET", "/pages/1", [self.site.bearer(), ("Cookie", "__Host-tallygate=abc")])
        self.assertEqual(answer.status, 400)
        answer = self.ask(self.site, "GET", "/pages/1", [self.site.bearer(), self.site.bearer("ci")])
        self.assertEqual(answer.status, 400)
        self.assertEqual(self.app.requests, [])

    def test_a_deny_rule_wins_and_its_message_is_shown(self):
        status, _, body = self.bearer_curl("/vault/gold", self.pki.issuer.token("erin", ["admins", "staff"]))
        self.assertEqual(status, 403)
        self.assertIn("The vault opens for nobody. Ask the keeper.", body)
        status, _, page = self.bearer_curl("/vault/gold", self.site.tokens["robot"], "-H", "Accept: text/html")
        self.assertEqual(status, 403)
        self.assertIn("<html", page)
        self.assertIn("The vault opens for nobody. Ask the keeper.", page)

    def test_the_application_is_told_who_asks_and_never_what_the_client_claims(self):
        claims = [("X-Forwarded-User", "root"), ("x_forwarded_user", "root"), ("X-FORWARDED-GROUPS", "admins"),
                  ("X-Forwarded.Email", "root@example.com"), ("X-Tallygate-Assertion", "forged"),
                  ("X-Real-IP", "1.2.3.4"), ("X-Forwarded-For", "1.2.3.4"), ("Forwarded", "for=1.2.3.4"),
                  ("X-Original-URL", "/admin"),
                  ("X-HTTP-Method-Override", "DELETE"), ("Remote-User", "root"), ("X-Request-Id", "mine"),
                  ("Connection", "keep-alive, X-Forwarded-User, X-Request-Id")]
        answer = self.ask(self.site, "GET", "/headers", [self.site.bearer("ci"), *claims])
        self.assertEqual(answer.status, 200)
        request = self.seen()
        told = self.told(request)
        self.assertEqual(told["x-forwarded-user"], ["ci"])
        self.assertEqual(sorted(told["x-forwarded-groups"][0].replace(" ", "").split(",")), ["editors", "staff"])
        self.assertEqual(told["x-forwarded-for"], ["127.0.0.1"])
        self.assertEqual(told["x-forwarded-proto"], ["https"])
        self.assertEqual(told["x-request-id"], [answer.request_id])
        self.assertNotEqual(answer.request_id, "mine")
        self.assertRegex(told["traceparent"][0], "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$")
        raw = request.raw_head.decode("latin-1")
        for lie in ("root", "forged", "1.2.3.4", "mine", "DELETE", "/admin", self.site.tokens["ci"]):
            self.assertNotIn(lie, raw)

    def test_anonymous_requests_are_scrubbed_as_well(self):
        self.ask(self.site, "GET", "/public/x", [("X-Forwarded-User", "root"), ("X-Tallygate-Assertion", "forged")])
        raw = self.seen().raw_head.decode("latin-1")
        self.assertNotIn("root", raw)
        self.assertNotIn("forged", raw)

    def test_the_assertion_verifies_with_the_published_keys(self):
        self.ask(self.site, "GET", "/headers", [self.site.bearer("ci")])
        token = self.told(self.seen())["x-tallygate-assertion"][0]
        status, _, keys = self.curl("/.tallygate/jwks.json")
        self.assertEqual(status, 200)
        head, body, signature = (part + "=" * (-len(part) % 4) for part in token.split("."))
        header = json.loads(_decode(head))
        claims = json.loads(_decode(body))
        self.assertEqual((header["alg"], claims["aud"], claims["sub"]), ("ES256", "wiki", "ci"))
        self.assertLessEqual(claims["exp"] - claims["iat"], 300)
        key = next(key for key in json.loads(keys)["keys"] if key["kid"] == header["kid"])
        self.assertTrue(self._es256(key, token.rsplit(".", 1)[0].encode(), _decode(signature)))
        self.assertFalse(self._es256(key, b"something else", _decode(signature)))

    def _es256(self, key, signed, signature):
        """Checks with openssl: the JWK as SubjectPublicKeyInfo, the signature as DER."""
        prefix = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d030107034200")
        point = b"\x04" + _decode(key["x"]) + _decode(key["y"])
        (self.folder / "key.der").write_bytes(prefix + point)
        integers = b"".join(b"\x02" + bytes([len(n)]) + n for n in map(_integer, (signature[:32], signature[32:])))
        (self.folder / "signature.der").write_bytes(b"\x30" + bytes([len(integers)]) + integers)
        try:
            openssl("dgst", "-sha256", "-keyform", "DER", "-verify", self.folder / "key.der", "-signature",
                    self.folder / "signature.der", stdin=signed)
        except RuntimeError:
            return False
        return True

    def test_unknown_hosts_and_routes_are_refused_on_record(self):
        with self.connect(self.site) as client:
            client.host = "other.example.com"
            answer = client.ask("GET", "/", [self.site.bearer()])
        self.assertIn(answer.status, (403, 404, 421))
        self.assertEqual(self.decision(self.site, answer)["kind"], "access.deny")
        self.assertEqual(self.app.requests, [])

    def test_nothing_secret_is_in_the_record_or_the_log(self):
        token = self.pki.issuer.token("frank", ["staff"])
        self.ask(self.site, "GET", "/pages/1?password=hunter2", [("Authorization", f"Bearer {token}")])
        self.ask(self.site, "GET", "/pages/1?password=hunter2", [self.site.bearer()])
        record = b"".join(body for _, body in journal.bodies(self.site.journal))
        log = self.gateway.log_path.read_bytes()
        for secret in (token, token.split(".")[2], self.site.tokens["robot"], "hunter2", *PASSWORDS.values()):
            self.assertNotIn(secret.encode(), record)
            self.assertNotIn(secret.encode(), log)


def _decode(text):
    import base64
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _integer(data):
    data = data.lstrip(b"\x00") or b"\x00"
    return b"\x00" + data if data[0] & 0x80 else data


if __name__ == "__main__":
    unittest.main()
