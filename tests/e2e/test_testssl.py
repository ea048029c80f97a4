"""testssl.sh against a gateway and a page of its own: what it finds is nothing above LOW."""

import json
import subprocess
import unittest

from support.case import SiteCase
from support.pki import HOST
from support.site import Gateway

FINE = {"OK", "INFO", "LOW", "DEBUG"}
UNSEEN = "WARN"  # what it did not get to see: it gives up soon where the machine is busy
UNSEEN_MAX = 2


class Testssl(SiteCase):
    def findings(self, site):
        report = self.folder / "testssl.json"
        subprocess.run(["testssl", "--quiet", "--color", "0", "--warnings", "batch", "-n", "none", "--ip", "127.0.0.1",
                        "--add-ca", self.pki.path("ca.pem"), "--jsonfile", str(report), f"{HOST}:{site.port}/.tallygate/login"],
                       stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=1100,
                       check=False)  # its code counts what it found
        found = json.loads(report.read_text())
        self.assertGreater(len(found), 100, "it looked at everything")
        return found

    def test_nothing_above_low_is_found(self):
        site = self.new_site()
        self.pki.public_server("public")
        site.settings["tls"]["certificates"] = [{"cert": self.pki.path("public.pem"), "key": self.pki.path("public.key")}]
        site.write()
        with Gateway(site):
            found = self.findings(site)
        above = [(one["id"], one["severity"], one["finding"]) for one in found if one["severity"] not in FINE]
        self.assertEqual([one for one in above if one[1] != UNSEEN], [])
        self.assertLessEqual(len(above), UNSEEN_MAX, above)


if __name__ == "__main__":
    unittest.main()
