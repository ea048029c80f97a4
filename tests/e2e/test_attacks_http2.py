"""The rows of tests/attack in HTTP/2. Each one that means something there is sent in both protocols: what is let through
reaches the application as the same request, byte for byte but for the letter case of names, and is recorded alike; what
is refused is refused in both, with one decision on record and no harm to the connection.

What only HTTP/2 can say is in http2.jsonl:
  class      what it is about
  fields     one request on stream 1; `GET /x` stands for its usual fields. With it `data`, `trailers`, and `open`:
             nothing ends the stream
  frames     instead: what follows the greeting, frame by frame. `type` and `flags` by name or number, `stream`, and
             `hex`, `text` and `fields` as the payload, so many `times`. In between, `wait` until the request is
             `decided`, or `held` by the application
  greeting   instead of the usual one, as hex
  expect     `refuse STATUS…`: answered, one access.deny; `forward N`: N requests reach the application;
             `reset CODE…`: the stream ends with that error, and the connection goes on;
             `broken`: the stream ends with PROTOCOL_ERROR, or is answered with 400, after the head had its decision,
             and the application gets no whole request, or `whole` of them with this `body` at most;
             `ignored`: the stream is not answered, and the connection goes on;
             `goaway CODE…`: the connection ends with that error; `close`: it ends, whether it says why or not
  reason     (refuse) what is on record as the reason
  decisions  (reset, goaway, close) how many requests had their decision before
  path, body, absent, present   (forward) as in test_attacks.py
  stream     (refuse, reset) of which stream; 1 without it
  why        one sentence
"""

import unittest

from support import journal
from support.attack_case import AttackCase
from support.attacks import HTTP2_ROWS, as_http2, expand, files, raw_bytes, rows, written
from support.h2 import (CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, Answer, Http2Client, block, frame,
                        http2_context)
from support.upstreams import wait_until

FRAME_BYTES = 16384
TYPES = dict(zip("DATA HEADERS PRIORITY RST_STREAM SETTINGS PUSH_PROMISE PING GOAWAY WINDOW_UPDATE CONTINUATION".split(),
                 range(10)))
FLAGS = {"END_STREAM": 1, "ACK": 1, "END_HEADERS": 4, "PADDED": 8, "PRIORITY": 0x20}
CODES = dict(zip("""NO_ERROR PROTOCOL_ERROR INTERNAL_ERROR FLOW_CONTROL_ERROR SETTINGS_TIMEOUT STREAM_CLOSED
                 FRAME_SIZE_ERROR REFUSED_STREAM CANCEL COMPRESSION_ERROR CONNECT_ERROR ENHANCE_YOUR_CALM""".split(),
                 range(12)))
REFUSALS = (400, 403, 405, 414, 417, 421, 426, 431, 501)
# What is new for each request, whatever it looks like.
NEW_EACH_TIME = ("traceparent", "x-request-id", "x-tallygate-assertion")


def canonical(message):
    """A request at the application, without what differs between any two, and the usual port of its host: in a target that
    names an authority HTTP/1.1 has two places for that."""
    fields = [(name.lower(), value.removesuffix(":443") if name.lower().endswith("host") else value)
              for name, value in message.headers if name.lower() not in NEW_EACH_TIME]
    return message.first_line, fields, message.body, [(name.lower(), value) for name, value in message.trailers]


def facts(entry):
    """What a decision says of its request, without what differs between any two and between the protocols."""
    request = {name: value for name, value in entry["request"].items() if name not in ("id", "protocol")}
    return entry["kind"], entry["decision"].get("rule"), request


class Attacks(AttackCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.http2 = http2_context(cls.pki)

    def setUp(self):
        super().setUp()
        self.clients = []
        self.started_at = journal.size(self.site.journal)
        self.expected = 0  # decisions that this test has seen

    def tearDown(self):
        self.over()
        self.assertEqual(len(self.decisions(self.started_at)), self.expected, "nothing else was decided, then or later")

    def decisions(self, since):
        return [entry for entry in journal.entries(self.site.journal, since)
                if entry["kind"] in ("access.allow", "access.deny")]

    def decided(self, since, count):
        """So many decisions, once they are there."""
        wait_until(lambda: len(self.decisions(since)) >= count, what=f"{count} decisions")
        found = self.decisions(since)
        self.assertEqual(len(found), count, found)
        self.expected += count
        return found

    def ended(self, since):
        """Returns once whatever was let through has come to its end, by itself: its client is still there."""
        def all_ended():
            entries = journal.entries(self.site.journal, since)
            ended = {entry["of"] for entry in entries if entry["kind"] == "access.end"}
            return all(entry["seq"] in ended for entry in entries if entry["kind"] == "access.allow")
        wait_until(all_ended, what="the end of each request")

    def connect_http2(self, greeting=None):
        client = Http2Client(self.pki, self.site.port, context=self.http2, timeout=20, greet=greeting is None)
        self.clients.append(client)
        if greeting is not None:
            client.send(greeting)
        return client

    def post(self, client, request):
        """Sends a request in as many frames as it needs; its answer."""
        number, client.next_id = client.next_id, client.next_id + 2
        client.answers[number] = Answer()
        head = block(request.fields)
        ends = request.data is None and request.trailers is None and not request.open
        pieces = []
        for at in range(0, max(len(head), 1), FRAME_BYTES):
            flags = (END_HEADERS if at + FRAME_BYTES >= len(head) else 0) | (END_STREAM if ends and at == 0 else 0)
            pieces.append(frame(CONTINUATION if at else HEADERS, flags, number, head[at:at + FRAME_BYTES]))
        if request.data is not None:
            last = request.trailers is None and not request.open
            pieces.append(frame(DATA, END_STREAM if last else 0, number, request.data))
        if request.trailers is not None:
            pieces.append(frame(HEADERS, END_HEADERS | END_STREAM, number, block(request.trailers)))
        client.send(b"".join(pieces))
        return number

    def goes_on(self, client):
        self.assertTrue(client.barrier(), f"the connection goes on: {client.goaways}")
        self.assertEqual(client.goaways, [])

    def over(self):
        """Closes every client, and lets all that they sent come to its end: what is asked afterwards will not change."""
        while self.clients:
            self.clients.pop().close()

        def settled():
            while self.app.holding:
                self.app.release()
            return not self.gateway.has_clients() and self.app.at_rest()

        wait_until(settled, 60, "nothing is on its way")

    def over_http1(self, raw):
        """How HTTP/1.1 takes a row: (answers, the first decision, requests at the application)."""
        self.app.clear()
        since = journal.size(self.site.journal)
        answers = self.exchange(raw, 1)
        self.over()
        found = self.decisions(since)
        self.expected += len(found)
        requests = list(self.app.requests)
        self.app.clear()
        return answers, found[0] if found else None, requests

    # What is expected of a row that HTTP/1.1 has words for.

    def check(self, row):
        raw = raw_bytes(row)
        request = as_http2(raw)
        # The framing of chunks has no counterpart; nor have rows about a second request of the same connection.
        if request is None or "before" in row or (row["class"] == "chunks" and row.get("late")):
            return False
        answers, decision, requests = self.over_http1(raw)
        since = journal.size(self.site.journal)
        client = self.connect_http2()
        answer = client.answer(self.post(client, request))
        if row["expect"] == "asterisk":
            self.assertEqual(answer.status, answers[0].status)
        elif request.of_connection:
            self.refused(since, client, answer, (400,))
        elif row.get("late") or (row["expect"].startswith("forward") and request.unlike_its_length):
            self.breaks_off(since, client, answer)
        elif row["expect"].startswith(("refuse", "reject")) or decision["kind"] == "access.deny":
            self.refused(since, client, answer, REFUSALS)
            self.assertIn(decision and decision["kind"], ("access.deny", None))  # HTTP/1.1 may see no end of a head
        else:
            self.alike(since, client, answer, answers[0], decision, requests[:1])
        return True

    def refused(self, since, client, answer, statuses):
        self.assertIn(answer.status, statuses)
        self.assertIn(answer.reset, (None, CODES["NO_ERROR"]))
        self.goes_on(client)
        found, = self.decided(since, 1)
        self.over()
        self.assertEqual((found["kind"], found["id"]), ("access.deny", answer.request_id))
        self.assertEqual((self.app.requests, self.app.garbage, self.app.heads), ([], [], 0))
        return found

    def breaks_off(self, since, client, answer):
        """The head was in order and had its decision, the rest was not: nobody gets a whole request."""
        self.assertTrue(answer.reset == CODES["PROTOCOL_ERROR"] or answer.status == 400, (answer.reset, answer.heads))
        self.goes_on(client)
        self.decided(since, 1)
        self.ended(since)
        self.over()
        self.assertEqual((self.app.requests, self.app.garbage), ([], []))

    def alike(self, since, client, answer, old_answer, old_decision, old_requests):
        self.assertEqual((answer.status, answer.reset), (old_answer.status, None))
        self.goes_on(client)
        found, = self.decided(since, 1)
        self.over()
        self.assertEqual(found["id"], answer.request_id)
        self.assertEqual(facts(found), facts(old_decision))
        self.assertEqual(self.app.garbage, [])
        self.assertEqual([canonical(message) for message in self.app.requests],
                         [canonical(message) for message in old_requests])

    def run_rows(self, name):
        meant = 0
        for where, row in rows(name):
            with self.subTest(where, row=row):
                self.over()  # also of a row that failed
                meant += self.check(row)
        self.assertGreaterEqual(meant, 30)

    # What only HTTP/2 can say.

    def check_own(self, row):
        self.over()  # also of a row that failed
        self.app.clear()
        since = journal.size(self.site.journal)
        client = self.connect_http2(bytes.fromhex(row["greeting"]) if "greeting" in row else None)
        if "fields" in row:
            self.post(client, written(row))
        else:
            self.send_frames(client, row, since)
        kind, *rest = row["expect"].split(" ")
        getattr(self, f"own_{kind}")(row, rest, client, since)

    def send_frames(self, client, row, since):
        for number in {one.get("stream", 0) & 0x7FFFFFFF for one in row["frames"]}:
            client.answers[number] = Answer()
        try:
            for one in row["frames"]:
                if one.get("wait") == "held":
                    wait_until(lambda: self.app.holding == 1, what="the application holds the request")
                elif one.get("wait") == "decided":
                    wait_until(lambda: self.decisions(since), what="the decision")
                else:
                    client.send(self.encoded(one))
        except OSError:
            pass  # it had enough before all was sent

    @staticmethod
    def encoded(one):
        kind = TYPES.get(one["type"], one["type"])
        flags = sum(FLAGS.get(flag, flag) for flag in one.get("flags", []))
        payload = bytes.fromhex(one.get("hex", "")) + one.get("text", "").encode("latin-1") + block(expand(one.get("fields", [])))
        return frame(kind, flags, one.get("stream", 0), payload * one.get("times", 1))

    def own_refuse(self, row, statuses, client, since):
        answer = client.answer(row.get("stream", 1))
        found = self.refused(since, client, answer, [int(status) for status in statuses])
        self.assertEqual(found["decision"]["reasons"], [row["reason"]])

    def own_forward(self, row, count, client, since):
        number = int(count[0])
        answers = [answer for stream, answer in sorted(client.answers.items()) if stream % 2]
        for stream in sorted(client.answers):
            if stream % 2:
                client.answer(stream)
        self.goes_on(client)
        self.over()
        self.assertEqual([answer.status for answer in answers], [200] * number)
        self.assertEqual({entry["kind"] for entry in self.decided(since, number)}, {"access.allow"})
        self.assertEqual((len(self.app.requests), self.app.garbage), (number, []))
        request = self.app.requests[0]
        self.assertEqual(request.target, row.get("path", request.target))
        self.assertEqual(request.body.decode("latin-1"), row.get("body", ""))
        everything = (request.raw_head.decode("latin-1") + str(request.trailers)).lower()
        for text in row.get("absent", ()):
            self.assertNotIn(text.lower(), everything)
        for text in row.get("present", ()):
            self.assertIn(text.lower(), everything)

    def own_reset(self, row, codes, client, since):
        answer = client.answer(row.get("stream", 1))
        client.until(lambda: answer.reset is not None)
        self.assertIn(answer.reset, [CODES[code] for code in codes])
        self.goes_on(client)
        self.nothing_whole(row, since)

    def own_broken(self, row, rest, client, since):
        answer = client.answer(1)
        if "whole" not in row:
            return self.breaks_off(since, client, answer)
        # What was announced had come before the rest broke the stream.
        client.until(lambda: answer.ended or answer.reset is not None)
        self.goes_on(client)
        self.decided(since, 1)
        self.ended(since)
        self.over()
        self.assertLessEqual(len(self.app.requests), row["whole"])
        for request in self.app.requests:
            self.assertEqual((request.body.decode("latin-1"), self.app.garbage), (row["body"], []))

    def own_ignored(self, row, rest, client, since):
        self.goes_on(client)
        answer = client.answers[row["stream"]]
        self.assertEqual((answer.heads, answer.reset), ([], None))
        self.nothing_whole(row, since)

    def own_goaway(self, row, codes, client, since):
        self.assertTrue(client.at_end(), "the connection ends")
        self.assertIn(client.goaways[-1][1] if client.goaways else None, [CODES[code] for code in codes])
        self.nothing_whole(row, since)

    def own_close(self, row, codes, client, since):
        self.assertTrue(client.at_end(), "the connection ends")
        self.nothing_whole(row, since)

    def nothing_whole(self, row, since):
        self.decided(since, row.get("decisions", 0))
        self.over()
        self.assertEqual(self.app.garbage, [])
        self.assertLessEqual(len(self.app.requests), row.get("decisions", 0))
        self.assertEqual(self.connect_http2().ask("GET", "/after").status, 200)
        self.expected += 1

    def test_http2(self):
        for where, row in rows(HTTP2_ROWS):
            with self.subTest(where, row=row):
                self.check_own(row)


def make_test(name):
    return lambda self: self.run_rows(name)


for file in files():
    setattr(Attacks, f"test_{file.removesuffix('.jsonl')}", make_test(file))


if __name__ == "__main__":
    unittest.main()
