"""Certificates and signing keys for one run, made with the openssl command."""

import base64
import json
import subprocess
import time
from pathlib import Path

HOST = "wiki.example.com"
CLIENT_URI = "spiffe://example.com/dora"


def openssl(*arguments, stdin=None):
    """Runs openssl; its output. A failure shows what it said."""
    done = subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"openssl {arguments[0]}: {done.stderr.decode(errors='replace')}")
    return done.stdout


def b64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Pki:
    """Files below `root`: ca.pem, server.pem, server.key, client.pem, client.key, jwt.key, jwks.json."""

    def __init__(self, root):
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self._authority("ca")
        self._leaf("server", f"DNS:{HOST},DNS:*.example.com,DNS:localhost,IP:127.0.0.1", "serverAuth")
        self._leaf("client", f"URI:{CLIENT_URI}", "clientAuth")
        self._authority("stranger-ca")
        self._leaf("stranger", f"URI:{CLIENT_URI}", "clientAuth", authority="stranger-ca")
        self.issuer = JwtIssuer(self.root, "jwt", "https://issuer.example.com")
        self.stranger = JwtIssuer(self.root, "stranger-jwt", "https://issuer.example.com")

    def path(self, name):
        return str(self.root / name)

    def _key(self, name):
        openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", self.path(f"{name}.key"))

    def _authority(self, name):
        self._key(name)
        openssl("req", "-x509", "-new", "-key", self.path(f"{name}.key"), "-subj", f"/CN=test {name}", "-days", "2",
                "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign",
                "-out", self.path(f"{name}.pem"))

    def server(self, name, subject, alternatives=None):
        """A certificate for a server whose names are just these: `name`.pem and `name`.key."""
        self._leaf(name, alternatives, "serverAuth", subject=subject)

    def client(self, name):
        """A certificate that is shown to servers: `name`.pem and `name`.key."""
        self._leaf(name, None, "clientAuth")

    def public_server(self, name):
        """One as a public authority makes it: for months, and with a place where revocations would be published."""
        self._leaf(name, f"DNS:{HOST}", "serverAuth", days=90, more="crlDistributionPoints=URI:http://crl.example.com/ca.crl\n")

    def _leaf(self, name, alternatives, usage, authority="ca", subject=None, days=2, more=""):
        self._key(name)
        request = openssl("req", "-new", "-key", self.path(f"{name}.key"), "-subj", f"/CN={subject or f'test {name}'}")
        extensions = self.root / f"{name}.ext"
        names = f"subjectAltName={alternatives}\n" if alternatives else ""
        extensions.write_text(f"{names}extendedKeyUsage={usage}\n"
                              f"basicConstraints=critical,CA:FALSE\nkeyUsage=critical,digitalSignature\n{more}")
        openssl("x509", "-req", "-CA", self.path(f"{authority}.pem"), "-CAkey", self.path(f"{authority}.key"),
                "-days", days, "-extfile", extensions, "-out", self.path(f"{name}.pem"), stdin=request)


class JwtIssuer:
    """Signs RS256 tokens; its public half is in `<name>.jwks.json`."""

    audience = "tallygate"

    def __init__(self, root, name, issuer):
        self.issuer = issuer
        self.key = str(root / f"{name}.key")
        self.jwks = str(root / f"{name}.jwks.json")
        openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", self.key)
        modulus = openssl("rsa", "-in", self.key, "-noout", "-modulus").decode().strip().split("=")[1]
        key = {"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256", "e": "AQAB",
               "n": b64url(bytes.fromhex(modulus))}
        Path(self.jwks).write_text(json.dumps({"keys": [key]}))

    def token(self, subject, groups=(), header=None, **claims):
        """A signed token; `claims` add to or replace the usual ones, None removes one."""
        now = int(time.time())
        body = {"iss": self.issuer, "aud": self.audience, "sub": subject, "iat": now, "nbf": now - 5,
                "exp": now + 600, "groups": list(groups), **claims}
        body = {name: value for name, value in body.items() if value is not None}
        head = {"alg": "RS256", "typ": "JWT", "kid": "k1", **(header or {})}
        signed = f"{b64url(json.dumps(head).encode())}.{b64url(json.dumps(body).encode())}"
        signature = openssl("dgst", "-sha256", "-sign", self.key, stdin=signed.encode())
        return f"{signed}.{b64url(signature)}"
