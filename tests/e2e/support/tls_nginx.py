"""nginx in front of an application, as TLS servers that ask the gateway for a certificate."""

import os
import subprocess
from pathlib import Path

from .upstreams import accepts, free_port, wait_until


class TlsNginx:
    """Listens with HTTP/1.1 on `port`, on `proxied_port` behind the PROXY protocol, without TLS on `plain_port`,
    and with HTTP/2 on `h2_port`; under TLS only those with a certificate of `client_ca` are served.

    The application is told who was shown to nginx (X-Client-Name) and what name nginx was asked for (X-Asked-Name), and
    what the PROXY protocol said (X-Proxied).
    """

    def __init__(self, root, pki, certificate, app_port, client_ca="ca"):
        self.root = Path(root)
        self.root.mkdir(parents=True)
        self.port, self.h2_port, self.proxied_port, self.plain_port = (free_port() for _ in range(4))
        self.log = self.root / "access.log"
        (self.root / "nginx.conf").write_text(self._config(pki, certificate, app_port, client_ca))
        self.process = subprocess.Popen(
            ["nginx", "-c", str(self.root / "nginx.conf"), "-p", str(self.root), "-e", str(self.root / "error.log")],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_until(lambda: self.process.poll() is not None or accepts(self.port), what="nginx")
            if self.process.poll() is not None:
                raise AssertionError("nginx does not start: " + (self.root / "error.log").read_text()[-2000:])
        except BaseException:
            self.stop()
            raise

    def _config(self, pki, certificate, app_port, client_ca):
        user = "user root;\n" if os.geteuid() == 0 else ""
        return f"""{user}daemon off; worker_processes 1; pid nginx.pid;
events {{ worker_connections 512; }}
http {{
  client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi;
  scgi_temp_path scgi; client_max_body_size 0;
  log_format one '$connection $request_uri $status';
  access_log access.log one;
  ssl_certificate {pki.path(certificate)}.pem; ssl_certificate_key {pki.path(certificate)}.key;
  ssl_client_certificate {pki.path(client_ca)}.pem; ssl_verify_client on;
  server {{
    listen 127.0.0.1:{self.port} ssl;
    listen 127.0.0.1:{self.h2_port} ssl http2;
    listen 127.0.0.1:{self.proxied_port} ssl proxy_protocol;
    listen 127.0.0.1:{self.plain_port};
    location / {{
      proxy_pass http://127.0.0.1:{app_port}; proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection $http_connection;
      proxy_set_header X-Proxied "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_port";
      proxy_set_header X-Client-Name $ssl_client_s_dn; proxy_set_header X-Asked-Name $ssl_server_name;
    }}
  }}
}}
"""

    def requests(self):
        """What was logged: (connection, target, status) of each request."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return [tuple(line.split(" ")) for line in lines]

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
