"""The base of the tests that send tests/attack: a gateway at which only the shape of a request decides."""

import socket

from .case import ServedCase
from .pki import HOST
from .site import tallygate
from .wire import Client, client_context


class AttackCase(ServedCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.context = client_context(cls.pki)

    @classmethod
    def adjust(cls, site):
        """Everybody may do everything on the known hosts: only the shape of a request decides here."""
        hosts = [HOST, "*.example.com"]
        site.settings["routes"] = [{"name": "wiki", "match": {"host": hosts, "path": "/**"}, "websocket": True,
                                    "upstream": {"servers": [f"http://127.0.0.1:{cls.app.port}"]}}]
        site.settings["limits"].setdefault("timeouts", {}).update(head="1s", body_idle="1s", keep_alive="2s")
        site.policy["resources"] = {"all": {"hosts": hosts, "paths": ["/**"]}}
        site.policy["rules"] = [{"id": "all", "effect": "allow", "roles": ["everyone"], "resources": ["all"],
                                 "methods": ["any"]}]

    @classmethod
    def _finish(cls):
        """What was recorded of all these is computed again without a finding."""
        super()._finish()
        done = tallygate("audit", "decisions", "-c", cls.site.config, "--root", cls.site.root_key)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]

    def exchange(self, raw, most):
        """Sends the bytes, reads up to `most` answers, then ends our side and reads whatever else may come."""
        client = Client(self.pki, self.site.port, context=self.context, timeout=20)
        answers = []
        head = raw.startswith(b"HEAD ")
        try:
            client.send(raw)
            while len(answers) < most:
                answer = client.response(head=head)
                if answer is None:
                    return answers
                answers.append(answer)
            if answers[-1].status != 101:
                socket.socket.shutdown(client.sock, socket.SHUT_WR)  # the end of the stream, below TLS
                while (answer := client.response(head=head)) is not None:
                    answers.append(answer)
        except OSError:
            pass  # cut off: what came before counts
        finally:
            client.close()
        return answers
