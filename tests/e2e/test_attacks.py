"""Every row of tests/attack sent as raw bytes over TLS. What is refused reaches nobody; what is let through reaches the
application as exactly one canonical request; either way there is exactly one decision on record for each request.

Two kinds of rows. Those of the canonical request (paths, hosts, methods) say `expect`: `path P`, `host H` or
`reject CODE`. Those about framing and headers say more:
  class       the class of security.md
  raw         what is sent; each character is one byte. `raw_base64` for the rest
  expect      `refuse STATUS…`: refused, and the connection closed; or `forward N`: N requests reach the application
  path        (forward) the target of the first request as the application gets it
  body        (forward) its body
  absent      (forward) texts that stand nowhere in what the application gets
  late        (refuse) the fault lies in the body, after the head had its decision
  before      (refuse) how many requests before it in the same connection are served
  present     (forward) texts that do stand there
  why         one sentence

test_attacks_http2.py sends them in HTTP/2.
"""

import hashlib
import unittest

from support import journal
from support.attack_case import AttackCase
from support.attacks import files, raw_bytes, rows

ANSWERS = ("access.allow", "access.deny")
# `OPTIONS *` is the gateway's own to answer (policy-details.md C12).
OWN = ("OPTIONS * ",)


class Attacks(AttackCase):
    def check(self, row, raw):
        self.app.clear()
        seen = journal.size(self.site.journal)
        expect = row["expect"].split(" ")
        most = int(expect[1]) if expect[0] == "forward" else row.get("before", 0) + 1
        answers = self.exchange(raw, most)
        self.settle()
        decisions = [entry for entry in journal.entries(self.site.journal, seen) if entry["kind"] in ANSWERS]
        ids = [answer.request_id for answer in answers]
        own = raw.decode("latin-1").startswith(OWN)
        if not own:
            self.assertEqual([entry["id"] for entry in decisions][:len(ids)], ids,
                             f"one decision for each answer: {[answer.first_line for answer in answers]}")
        self.assertEqual(self.app.garbage, [], "only requests reach the application")
        getattr(self, f"check_{expect[0]}")(row, expect[1:], answers, decisions, own)

    def check_refuse(self, row, statuses, answers, decisions, own):
        before = row.get("before", 0)
        self.assertLessEqual(len(answers), before + 1, "nothing is read after what was refused")
        self.assertEqual(len(self.app.requests), before, [m.first_line for m in self.app.requests])
        self.assertEqual(len(decisions), before + 1, "one decision for each request, and none for what follows")
        if row.get("late"):
            # The head was in order and had its decision; the body breaks off, and the application sees no request.
            self.assertLessEqual(self.app.cut_short, 1)
            self.assertTrue(len(answers) == before or str(answers[-1].status) in (*statuses, "502"), answers)
            return
        self.assertEqual(self.app.cut_short, 0)
        self.assertEqual(decisions[-1]["kind"], "access.deny")
        self.assertEqual(len(answers), before + 1, "a refusal is answered")
        self.assertIn(str(answers[-1].status), statuses)

    def check_forward(self, row, count, answers, decisions, own):
        self.assertEqual(len(self.app.requests), int(count[0]), [m.first_line for m in self.app.requests])
        request = self.app.requests[0]
        if "path" in row:
            self.assertEqual(request.target, row["path"])
        if "body" in row:
            self.assertEqual(request.body.decode("latin-1"), row["body"])
        everything = request.raw_head.decode("latin-1") + str(request.trailers)
        for text in row.get("absent", ()):
            self.assertNotIn(text.lower(), everything.lower())
        for text in row.get("present", ()):
            self.assertIn(text.lower(), everything.lower())

    def check_reject(self, row, code, answers, decisions, own):
        if own:
            return
        self.assertEqual((self.app.requests, self.app.cut_short), ([], 0))
        if answers:  # a head that never ends has no answer, its time limit apart
            self.assertIn(answers[0].status, (400, 405, 408, 414, 421, 431, 501, 505))
            self.assertEqual([entry["kind"] for entry in decisions], ["access.deny"])

    def check_asterisk(self, row, rest, answers, decisions, own):
        self.assertTrue(own)
        self.assertEqual(self.app.requests, [], "the gateway answers for itself")
        self.assertIn(answers[0].status, (200, 204))

    def check_path(self, row, path, answers, decisions, own):
        if own:
            return
        recorded = decisions[0]["request"]["path"]
        if isinstance(recorded, dict):  # cut, journal.md §2
            sent = " ".join(path).encode()
            self.assertTrue(sent.startswith(recorded["cut"].encode()))
            self.assertEqual((recorded["bytes"], recorded["sha256"]), (len(sent), hashlib.sha256(sent).hexdigest()))
        else:
            self.assertEqual(recorded, " ".join(path))
        if decisions[0]["kind"] == "access.allow":
            self.assertEqual(len(self.app.requests), 1)
            self.assertEqual(self.app.requests[0].target.split("?")[0], " ".join(path))
        else:
            self.assertEqual(self.app.requests, [])

    def check_host(self, row, host, answers, decisions, own):
        self.assertEqual(decisions[0]["request"]["host"], host[0])
        known = host[0].endswith(".example.com") and host[0] != "example.com"
        self.assertEqual(decisions[0]["kind"], "access.allow" if known else "access.deny")
        self.assertEqual(len(self.app.requests), 1 if known else 0)

    def run_rows(self, name):
        count = 0
        for where, row in rows(name):
            count += 1
            with self.subTest(where, row=row):
                self.check(row, raw_bytes(row))
        self.assertGreater(count, 0)


def make_test(name):
    return lambda self: self.run_rows(name)


for file in files():
    setattr(Attacks, f"test_{file.removesuffix('.jsonl')}", make_test(file))


if __name__ == "__main__":
    unittest.main()
