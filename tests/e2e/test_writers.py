"""Other systems append to the journal of a running gateway: enrolled by a grant, signed by openssl, shut out."""

import base64
import concurrent.futures
import datetime
import hashlib
import http.client
import json
import subprocess
import unittest

from support import journal
from support.case import SiteCase
from support.site import Gateway, tallygate
from support.upstreams import wait_until


def run(*command, data=None):
    done = subprocess.run([str(word) for word in command], input=data, capture_output=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def now(ago=0):
    return (datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=ago)).strftime("%Y-%m-%dT%H:%M:%SZ")


class Writer:
    """Another system: it has openssl, its key, and the journal's UUID."""

    def __init__(self, folder, site, name, key, journal_id):
        self.folder, self.site, self.name, self.key, self.journal_id = folder, site, name, key, journal_id

    def message(self, key, sent, digest):
        return f"tallygate record v2\n{self.journal_id}\n{self.name}\n{key}\n{sent}\n{digest}\n".encode()

    def sign(self, key, sent, body):
        file = self.folder / f"message.{hashlib.sha256(f'{key} {sent}'.encode() + body).hexdigest()}"
        file.write_bytes(self.message(key, sent, hashlib.sha256(body).hexdigest()))
        return base64.b64encode(run("openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.key, "-in", file)).decode()

    def post(self, key, body, signature=None, sent=None, **headers):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = sent or now()
        fields = {"Content-Type": "application/json", "Idempotency-Key": key, "X-Tallygate-Writer": self.name,
                  "X-Tallygate-Time": sent, "X-Tallygate-Signature": signature or self.sign(key, sent, body),
                  **{name.replace("_", "-"): value for name, value in headers.items()}}
        fields = {name: value for name, value in fields.items() if value is not None}
        connection = http.client.HTTPConnection("127.0.0.1", self.site.admin_port, timeout=20)
        try:
            connection.request("POST", "/v1/entries", body, fields)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), dict(answer.getheaders())
        finally:
            connection.close()

    def settled(self, *arguments, **headers):
        """The answer once the record has been read."""
        got = []

        def answered():
            got[:] = self.post(*arguments, **headers)
            return got[0] != 503

        wait_until(answered, 30, "the record is read")
        return got


class Writers(SiteCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.passphrase = cls.folder / "passphrase"
        cls.passphrase.write_text("a passphrase of the tests\n")

    def run_ok(self, *arguments):
        done = tallygate(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def grant(self, site, said):
        """Runs the command that a refusal shows, with this site's provisioning key."""
        words = next(line for line in said.splitlines() if line.strip().startswith("tallygate keys grant")).split()[1:]
        file = self.folder / f"{site.root.name}.{words[words.index('-o') + 1]}"
        file.unlink(missing_ok=True)
        words[words.index("-o") + 1] = file
        words[words.index("--key") + 1] = site.root / "provisioning.key.pem"
        self.run_ok(*words, "--passphrase-file", self.passphrase)
        return file

    def enrol(self, site, name):
        key = self.folder / f"{site.root.name}.{name}.pem"
        asked = tallygate("keys", "enrol", "writer", name, "--key-out", key, "-c", site.config)
        self.assertEqual(asked.returncode, 1, asked.stderr)
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        done = json.loads(self.run_ok("keys", "enrol", "writer", name, "--grant", self.grant(site, asked.stderr),
                                      "--key-out", key, "-c", site.config, "--json"))
        return Writer(self.folder, site, name, key, done["journal"])

    def revoke(self, site, name):
        asked = tallygate("keys", "revoke", name, "-c", site.config)
        self.assertEqual(asked.returncode, 1, asked.stderr)
        self.run_ok("keys", "revoke", name, "--grant", self.grant(site, asked.stderr), "-c", site.config)

    def entries(self, site, kind):
        return [entry for entry in journal.entries(site.journal) if entry["kind"] == kind]

    def check_offline(self, writer, entry):
        """With openssl, the writer's public key and what the entry says; nothing of ours."""
        public, message, signature = (self.folder / name for name in ("pub.pem", "message", "signature"))
        run("openssl", "pkey", "-in", writer.key, "-pubout", "-out", public)
        record = entry["record"]
        digest = hashlib.sha256(record.encode()).hexdigest() if isinstance(record, str) else record["sha256"]
        message.write_bytes(writer.message(entry["key"], entry["sent"], digest))
        signature.write_bytes(base64.b64decode(entry["signature"]))
        said = run("openssl", "pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", public, "-in", message, "-sigfile",
                   signature)
        self.assertIn(b"Verified Successfully", said)

    def test_a_writer_appends_is_answered_once_and_is_shut_out_at_once(self):
        site = self.new_site()
        with Gateway(site):
            writer = self.enrol(site, "vault")
            body = (b'{"record": {"type": "login", "name": "Zo\xc3\xab"},\n "source": "vault-1",'
                    b' "time": "2026-11-25T03:00:00+01:00"}')
            status, first, _ = writer.settled("k-1", body)
            self.assertEqual(status, 201, first)
            found = list(journal.bodies(site.journal, first["seq"]))[0]
            self.assertEqual(first["leaf"], hashlib.sha256(b"\x00" + found[1]).hexdigest())
            entry = json.loads(found[1])
            self.assertEqual((entry["kind"], entry["writer"], entry["source"], entry["observed"], entry["key"]),
                             ("ingest.record", "vault", "vault-1", "2026-11-25T03:00:00+01:00", "k-1"))
            self.assertEqual(entry["record"].encode(), body)
            self.check_offline(writer, entry)
            self.assertEqual(writer.post("k-1", body)[:2], (200, first))
            self.assertEqual(writer.post("k-1", {"record": "another"})[0], 409)
            self.revoke(site, "vault")
            status, problem, headers = writer.post("k-1", body)
            self.assertEqual(status, 401, problem)
            self.assertIn("WWW-Authenticate", headers)
            self.assertEqual(writer.post("k-2", body)[0], 401)
        self.assertEqual(len(self.entries(site, "ingest.record")), 1)
        self.assertEqual([one["reason"] for one in self.entries(site, "ingest.quarantine")],
                         ["key-reused", "revoked", "revoked"])
        again = self.run_ok("keys", "revoke", "vault", "-c", site.config)
        self.assertIn("vault was revoked already, by entry", again)
        self.assertEqual(len(self.entries(site, "writer.revoke")), 1)
        listed = json.loads(self.run_ok("keys", "list", "--journal", site.journal, "--json"))["enrolled"]
        self.assertEqual([(one["name"], one["role"], "revoked" in one) for one in listed], [("vault", "writer", True)])
        self.assert_sound(site)

    def test_a_restart_forgets_no_key(self):
        site = self.new_site()
        with Gateway(site):
            writer = self.enrol(site, "vault")
            first = writer.settled("k-1", {"record": "one"})
            self.assertEqual(first[0], 201)
        with Gateway(site):
            again = writer.settled("k-1", {"record": "one"})
            self.assertEqual((again[0], again[1]), (200, first[1]))
            self.assertEqual(writer.settled("k-1", {"record": "two"})[0], 409)
        self.assertEqual(len(self.entries(site, "ingest.record")), 1)
        self.assert_sound(site)

    def test_the_same_record_sent_by_many_at_once_is_recorded_once(self):
        site = self.new_site()
        with Gateway(site):
            writer = self.enrol(site, "vault")
            self.assertEqual(writer.settled("k-0", {"record": "warm"})[0], 201)
            body = b'{"record": "once"}'
            sent = now()
            signature = writer.sign("k-1", sent, body)
            with concurrent.futures.ThreadPoolExecutor(8) as pool:
                answers = list(pool.map(lambda _: writer.post("k-1", body, signature, sent), range(32)))
            self.assertEqual([status for status, _, _ in answers].count(201), 1)
            self.assertLessEqual({status for status, _, _ in answers}, {200, 201, 409})
            seqs = {answer["seq"] for status, answer, _ in answers if status != 409}
            self.assertEqual(len(seqs), 1)
        self.assertEqual(len(self.entries(site, "ingest.record")), 2)
        self.assert_sound(site)

    def test_what_is_not_right_is_refused_said_and_recorded_without_its_payload(self):
        site = self.new_site()
        site.settings["audit"]["writers"] = {"rate": 1, "burst": 6}
        site.write()
        with Gateway(site):
            writer = self.enrol(site, "vault")
            stranger = Writer(self.folder, site, "nobody", writer.key, writer.journal_id)
            self.assertEqual(stranger.settled("k", {"record": "secret payload"})[0], 401)
            self.assertEqual(writer.post("k", {"record": "secret payload"}, signature="AAAA")[0], 401)
            self.assertEqual(writer.post("k", {"record": "x"}, X_Tallygate_Writer=None)[0], 401)
            sent = now()
            of_another = writer.sign("other", sent, b'{"record": "x"}')
            self.assertEqual(writer.post("k", {"record": "x"}, of_another, sent)[0], 401)
            self.assertEqual(writer.post(None, {"record": "x"}, X_Tallygate_Signature=None)[0], 401)
            self.assertEqual(writer.post("k", {"record": "x"}, Origin="http://localhost")[0], 403)
            self.assertEqual(writer.post("k", {"record": "x"}, Content_Type="text/plain")[0], 415)
            self.assertEqual(writer.post("k", {"record": "x"}, Host="evil.example.com")[0], 421)
            self.assertEqual(writer.post("k", {"record": "x" * 300_000})[0], 413)
            for body, why in (({"record": "x", "extra": 1}, "'extra' is not known"), ({"source": "x"}, "missing"),
                              ({"record": 7}, "'record' must be"), ({"record": "x", "time": "today"}, "RFC 3339"),
                              ([], "one JSON object")):
                status, problem, headers = writer.post("k", body)
                self.assertEqual((status, headers["Content-Type"]), (400, "application/problem+json"))
                self.assertIn(why, problem["detail"])
            # The sixth of the burst is good; then it is too fast. One a second comes back.
            self.assertEqual(writer.post("k", {"record": "x"})[0], 201)
            status, _, headers = writer.post("k2", {"record": "x"})
            if status != 201:  # a slow machine gave one back meanwhile
                self.assertEqual(status, 429)
                self.assertGreater(int(headers["Retry-After"]), 0)
        refused = self.entries(site, "ingest.quarantine")
        self.assertEqual([one["reason"] for one in refused],
                         ["unknown-writer", "bad-signature", "unknown-writer", "bad-signature", "unsigned", "origin",
                          "content-type", "too-large"] + ["malformed"] * 5)
        # Only what bears the writer's signature is put down to it.
        self.assertEqual([(one.get("writer"), one.get("claimed")) for one in refused],
                         [(None, "nobody"), (None, "vault"), (None, None)] + [(None, "vault")] * 5
                         + [("vault", None)] * 5)
        self.assertGreater(refused[7]["bytes"], 300_000)
        self.assertEqual(refused[0]["sha256"], hashlib.sha256(b'{"record": "secret payload"}').hexdigest())
        self.assertEqual(refused[0]["client"], {"address": "127.0.0.1"})
        self.assertNotIn(b"secret payload", b"".join(body for _, body in journal.bodies(site.journal)))
        self.assert_sound(site)

    def retire(self, site):
        """Seals what is there, and takes the bodies away by a grant."""
        place = ["-c", site.config]
        self.run_ok("audit", "seal", *place)
        last = json.loads(self.run_ok("audit", "retire", *place, "--keep", "1s", "--json"))["segments"][0]["last"]
        grant = site.root / "retire.grant"
        self.run_ok("keys", "grant", "journal.retire", "first=0", f"last={last}", "--journal", site.journal, "--key",
                    site.root / "provisioning.key.pem", "--passphrase-file", self.passphrase, "-o", grant)

        def gone():
            tallygate("audit", "retire", *place, "--keep", "1s", "--apply", "--grant", grant)
            return not self.entries(site, "ingest.record")

        wait_until(gone, 30, "bodies are retired")

    def test_what_is_retired_is_not_taken_again(self):
        site = self.new_site()
        body, key = b'{"record": "once"}', "k-1"
        with Gateway(site):
            writer = self.enrol(site, "vault")
            sent = now()
            signature = writer.sign(key, sent, body)
            status, first, _ = writer.settled(key, body, signature, sent)
            self.assertEqual(status, 201, first)
            self.retire(site)
            self.assertEqual(writer.post(key, body, signature, sent)[:2], (200, first), "the receipt is remembered")
        with Gateway(site):
            status, problem, headers = writer.settled(key, body, signature, sent)
            self.assertEqual(status, 409, problem)
        self.assertEqual(self.entries(site, "ingest.record"), [])
        self.assertEqual([one["reason"] for one in self.entries(site, "ingest.quarantine")], ["untimely"])
        journal.verify(site)

    def test_what_was_captured_is_worth_nothing_after_five_minutes(self):
        site = self.new_site()
        with Gateway(site):
            writer = self.enrol(site, "vault")
            for ago in (310, -60):
                self.assertEqual(writer.settled("k", {"record": "x"}, sent=now(ago))[0], 409)
            self.assertEqual(writer.post("k", {"record": "x"}, sent=now(200))[0], 201)
            self.assertEqual(writer.post("k", {"record": "x"}, sent=now(310))[0], 200, "it is there")
        self.assert_sound(site)

    def test_a_long_record_is_cut_and_its_signature_still_checks(self):
        site = self.new_site()
        with Gateway(site):
            writer = self.enrol(site, "vault")
            body = json.dumps({"record": {"text": "é" * 100_000}}, ensure_ascii=False).encode()
            status, answer, _ = writer.settled("k", body)
            self.assertEqual(status, 201, answer)
            self.assertEqual(writer.post("k", body)[0], 200)
            self.assertEqual(writer.post("k2", {"record": "\\" * 20_000})[0], 201)
        for entry in self.entries(site, "ingest.record"):
            self.assertEqual(set(entry["record"]), {"bytes", "cut", "sha256"})
            self.check_offline(writer, entry)
        self.assertEqual(self.entries(site, "ingest.record")[0]["record"]["bytes"], len(body))
        self.assert_sound(site)

    def test_a_source_is_nobody_elses_name(self):
        site = self.new_site()
        with Gateway(site):
            writer = self.enrol(site, "vault")
            self.enrol(site, "other")
            gateway = journal.entries(site.journal)[-1]["gateway"]
            status, problem, _ = writer.settled("k", {"record": "x", "source": "v\u0430ult"})
            self.assertEqual(status, 400)
            self.assertIn("of ASCII; a name with other letters", problem["detail"])
            for source in (gateway, "other", "Other "):
                self.assertEqual(writer.settled("k", {"record": "x", "source": source})[0], 403, source)
            self.assertEqual(writer.post("k", {"record": "x", "source": "vault/eu"})[0], 201)
        self.assertEqual([one["reason"] for one in self.entries(site, "ingest.quarantine")], ["malformed"] + ["source"] * 3)
        self.assert_sound(site)

    def test_a_forger_grants_himself_nothing(self):
        site = self.new_site()
        other = self.new_site()
        key = self.folder / "mallory.pem"
        asked = tallygate("keys", "enrol", "writer", "mallory", "--key-out", key, "-c", site.config)
        forged = self.grant(other, asked.stderr)
        refused = tallygate("keys", "enrol", "writer", "mallory", "--grant", forged, "-c", site.config)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("not signed by the provisioning key", refused.stderr)
        good = self.grant(site, asked.stderr)
        named = tallygate("keys", "enrol", "writer", "trudy", "--grant", good, "-c", site.config)
        self.assertEqual(named.returncode, 1)
        self.assertIn("differs", named.stderr)
        self.run_ok("keys", "enrol", "writer", "mallory", "--grant", good, "-c", site.config)
        self.assert_sound(site)

    def test_a_reader_needs_its_token_and_loses_it_at_once(self):
        site = self.new_site()
        site.settings["audit"]["journal"]["tlog_entries"] = True
        site.write()

        def get(token=None):
            connection = http.client.HTTPConnection("127.0.0.1", site.admin_port, timeout=20)
            try:
                connection.request("GET", "/tlog/tile/entries/000.p/2",
                                   headers={"Authorization": f"Bearer {token}"} if token else {})
                return connection.getresponse().status
            finally:
                connection.close()

        with Gateway(site):
            wait_until(lambda: get() == 200, 30, "entries are shown")
            asked = tallygate("keys", "enrol", "reader", "siem", "-c", site.config)
            token = asked.stdout.strip()
            self.assertTrue(token.startswith("tgr_"))
            self.assertEqual(get(), 200)
            self.run_ok("keys", "enrol", "reader", "siem", "--grant", self.grant(site, asked.stderr), "-c", site.config)
            self.assertEqual((get(), get(token), get(token + "x")), (401, 200, 401))
            self.revoke(site, "siem")
            # The last one's end does not open the door again.
            self.assertEqual((get(), get(token)), (401, 401))
        self.assertEqual([one["reason"] for one in self.entries(site, "session.reject")],
                         ["no-token", "bad-token", "no-token", "bad-token"])
        for _, body in journal.bodies(site.journal):
            self.assertNotIn(token.encode(), body)
        self.assert_sound(site)


if __name__ == "__main__":
    unittest.main()
