"""What TLS asks of clients, host by host; what is resumed, and what is stapled."""

import ssl
import subprocess
import unittest
from pathlib import Path

from support import journal
from support.case import SiteCase
from support.h2 import Http2Client, http2_context
from support.pki import CLIENT_URI, HOST, openssl
from support.site import Gateway
from support.wire import Client, client_context

VAULT = "vault.example.com"
LAB = "lab.example.com"


class HostTls(SiteCase):
    def tls_site(self, hosts=(), **tls):
        site = self.new_site()
        site.settings["tls"] |= {"client_certificates": "none" if hosts else "optional", **tls}
        if hosts:
            site.settings["tls"]["hosts"] = list(hosts)
        site.settings["routes"][0]["match"]["host"] = [HOST, VAULT, LAB]
        for resource in site.policy["resources"].values():
            resource["hosts"] = ["*"] if resource.get("hosts") == ["*"] else [HOST, VAULT, LAB]
        site.write()
        return site

    def speak(self, site, sni, host=None, certificate=None, session=None, context=None):
        """Status of a request, and the TLS session behind it."""
        context = context or client_context(self.pki, certificate=certificate)
        client = Client(self.pki, site.port, host=sni, context=context, session=session)
        with client:
            client.host = host or sni
            answer = client.ask("GET", "/public/x")
            return answer and answer.status, client.sock.session, client.sock.session_reused

    def test_a_certificate_is_asked_for_where_the_host_says_so_and_nowhere_else(self):
        site = self.tls_site([{"host": VAULT, "client_certificates": "required"},
                              {"host": "*.deep.example.com", "client_certificates": "optional"}])
        with Gateway(site):
            self.assertEqual(self.speak(site, HOST)[0], 200)
            self.assertEqual(self.speak(site, VAULT, certificate="client")[0], 200)
            self.app.clear()
            for name, certificate in ((VAULT, None), (VAULT, "stranger"), (VAULT.upper(), None)):
                try:  # with TLS 1.3 a client hears of it behind its own handshake
                    status = self.speak(site, name, certificate=certificate)[0]
                except (ssl.SSLError, ConnectionError):
                    status = None
                self.assertIsNone(status, f"{name} with {certificate}")
            self.assertEqual(self.app.requests, [])
        allowed = [entry for entry in journal.entries(site.journal) if entry["kind"] == "access.allow"]
        who = {entry["request"]["host"]: entry["actor"].get("subject") for entry in allowed}
        self.assertEqual(who[VAULT], CLIENT_URI)
        self.assertIsNone(who[HOST])

    def test_a_request_for_a_host_that_asks_for_more_than_the_connection_did_is_misdirected(self):
        site = self.tls_site([{"host": VAULT, "client_certificates": "required"}])
        with Gateway(site):
            self.app.clear()
            self.assertEqual(self.speak(site, HOST, host=VAULT, certificate="client")[0], 421)
            self.assertEqual(self.speak(site, VAULT, host=HOST, certificate="client")[0], 421)
            self.assertEqual(self.speak(site, LAB, host=HOST)[0], 200, "where nothing else is asked, a name is a name")
            self.assertEqual(len(self.app.requests), 1)
        denied = [entry for entry in journal.entries(site.journal) if entry["kind"] == "access.deny"]
        self.assertEqual([entry["decision"]["reasons"] for entry in denied], [["misdirected"]] * 2)
        self.assert_sound(site)

    def test_a_connection_of_http_2_carries_no_request_for_a_host_that_asks_for_more(self):
        # Browsers send what the certificate's names allow over one connection (RFC 9113 §9.1.1).
        site = self.tls_site([{"host": VAULT, "client_certificates": "required"}])
        with Gateway(site), Http2Client(self.pki, site.port) as client:
            self.app.clear()
            for host, status in ((VAULT, 421), (LAB, 200), (VAULT.upper(), 421), (HOST, 200)):
                client.host = host
                answer = client.ask("GET", "/public/x")
                self.assertEqual(answer.status, status, host)
            self.assertEqual(len(self.app.requests), 2)
            context = http2_context(self.pki)
            context.load_cert_chain(self.pki.path("client.pem"), self.pki.path("client.key"))
            with Http2Client(self.pki, site.port, host=VAULT, context=context) as shown:
                self.assertEqual(shown.ask("GET", "/public/x").status, 200)
                shown.host = HOST
                self.assertEqual(shown.ask("GET", "/public/x").status, 421)
        denied = [entry for entry in journal.entries(site.journal) if entry["kind"] == "access.deny"]
        self.assertEqual([entry["decision"]["reasons"] for entry in denied], [["misdirected"]] * 3)
        self.assert_sound(site)

    def test_a_session_is_resumed_after_a_reload_and_only_where_as_much_is_asked(self):
        site = self.tls_site([{"host": VAULT, "client_certificates": "required"}])
        for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
            context = client_context(self.pki, version, "client")
            with Gateway(site) as gateway:
                _, session, reused = self.speak(site, HOST, context=context)
                self.assertFalse(reused)
                self.assertTrue(self.speak(site, HOST, context=context, session=session)[2])
                gateway.reload()
                self.assertTrue(self.speak(site, HOST, context=context, session=session)[2], "keys outlive a reload")
                _, _, reused = self.speak(site, VAULT, context=context, session=session)
                self.assertFalse(reused, "what was agreed without a certificate is nothing where one is required")
                _, vault, _ = self.speak(site, VAULT, context=context)
                self.assertTrue(self.speak(site, VAULT, context=context, session=vault)[2])
            with Gateway(site):
                self.assertFalse(self.speak(site, HOST, context=context, session=session)[2], "a restart makes new keys")

    def staple(self, status="V"):
        """An OCSP response of the run's authority for its server's certificate."""
        folder = self.folder / f"ocsp-{status}"
        folder.mkdir(exist_ok=True)
        serial = openssl("x509", "-in", self.pki.path("server.pem"), "-noout", "-serial").decode().strip().split("=")[1]
        revoked = "260101000000Z" if status == "R" else ""
        (folder / "index.txt").write_text(f"{status}\t360101000000Z\t{revoked}\t{serial}\tunknown\t/CN=test server\n")
        openssl("ocsp", "-issuer", self.pki.path("ca.pem"), "-cert", self.pki.path("server.pem"), "-reqout",
                folder / "request.der")
        openssl("ocsp", "-index", folder / "index.txt", "-CA", self.pki.path("ca.pem"), "-rsigner", self.pki.path("ca.pem"),
                "-rkey", self.pki.path("ca.key"), "-ndays", "1", "-reqin", folder / "request.der", "-respout",
                folder / "response.der")
        return folder / "response.der"

    def empty(self):
        file = self.folder / "empty.ocsp"
        file.touch()
        return file

    def chain(self):
        """The server's certificate with its issuer behind it, as an operator gets it."""
        file = self.folder / "chain.pem"
        file.write_text("".join(Path(self.pki.path(name)).read_text() for name in ("server.pem", "ca.pem")))
        return file

    def test_an_ocsp_response_is_handed_out_to_who_asks(self):
        site = self.tls_site()
        site.settings["tls"]["certificates"][0] |= {"cert": str(self.chain()), "ocsp": str(self.staple())}
        site.write()
        with Gateway(site) as gateway:
            said = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.port}", "-servername", HOST,
                                   "-status", "-CAfile", self.pki.path("ca.pem")], input=b"", capture_output=True,
                                  timeout=30, check=True).stdout.decode()
            self.assertIn("OCSP Response Status: successful", said)
            self.assertIn("Cert Status: good", said)
            self.assertIn("tallygate_ocsp_response_expiry_timestamp_seconds{", gateway.admin("/metrics")[1])

    def test_a_response_that_does_not_speak_for_the_certificate_is_refused_at_start_and_at_reload(self):
        site = self.tls_site()
        certificate = site.settings["tls"]["certificates"][0]
        certificate["cert"] = str(self.chain())
        site.write()
        with Gateway(site) as gateway:
            for file, reason in ((self.staple("R"), "revoked or unknown"), (self.empty(), "cannot be read"),
                                 (self.pki.path("ca.pem"), "no successful OCSP response")):
                certificate["ocsp"] = str(file)
                site.write()
                self.assertIn(reason, gateway.reload())
            self.assertEqual(self.speak(site, HOST)[0], 200)


if __name__ == "__main__":
    unittest.main()
