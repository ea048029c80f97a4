"""A plugin that does not load, hangs or refuses: nothing is allowed, and everybody is told."""

import json
import os
import signal
import unittest
from pathlib import Path

from support.case import SiteCase, parse_json
from support.site import Gateway
from support.upstreams import wait_until

PLUGINS = Path(os.environ["PLUGIN_DIR"])


class PluginFaults(SiteCase):
    def setUp(self):
        self.app.rest()
        self.app.clear()

    def site_with(self, plugin):
        site = self.new_site()
        site.settings["audit"] = {"plugin": str(plugin)}
        site.settings["limits"]["timeouts"]["record"] = "1s"
        site.write()
        return site

    def assert_closed(self, site, gateway, *words):
        """Every request is refused with 503, readiness is false and says why, and the process is alive."""
        def not_ready():
            status, body = gateway.admin("/readyz")
            return body if status == 503 else None

        why = wait_until(not_ready, 10, "/readyz is false")
        for word in words:
            self.assertIn(word, why)
        for method, path, headers in (("GET", "/public/x", []), ("GET", "/pages/1", [site.bearer()]),
                                      ("POST", "/echo", [site.bearer("ci")])):
            answer = self.ask(site, method, path, headers, b"x" if method == "POST" else None)
            self.assertEqual(answer.status, 503, path)
            self.assertEqual(parse_json(answer.body)["status"], 503)
            self.assertIsNotNone(answer.request_id)
        self.app.rest()
        self.assertEqual((self.app.heads, self.app.garbage), (0, []), "nothing reached the application")
        self.assertEqual(gateway.admin("/healthz")[0], 200)

    def test_a_plugin_that_does_not_load_denies_everything(self):
        (self.folder / "text.so").write_text("no shared object\n")
        faults = {
            "missing file": (self.folder / "missing.so", ("missing.so", "no such file")),
            "no shared object": (self.folder / "text.so", ("text.so", "cannot be loaded")),
            "missing symbol": (PLUGINS / "test-plugins/no_symbol.so", ("tallygate_plugin",)),
            "another version": (PLUGINS / "test-plugins/wrong_abi.so", ("version 2",)),
            "a short table": (PLUGINS / "test-plugins/small_table.so", ("bytes",)),
            "refuses to open": (PLUGINS / "test-plugins/refuses_open.so", ("no such folder",)),
        }
        for what, (plugin, words) in faults.items():
            with self.subTest(what):
                self.app.clear()
                site = self.site_with(plugin)
                try:
                    gateway = Gateway(site, wait_ready=False)
                except AssertionError as ended:
                    # Where a path cannot be right the settings may say so before anything starts.
                    self.assertIn("ended with 2", str(ended))
                    self.assertIn(words[0], str(ended))
                    continue
                with gateway:
                    self.assert_closed(site, gateway, *words)

    def test_a_plugin_that_refuses_denies_everything_with_its_reason(self):
        site = self.site_with(PLUGINS / "test-plugins/refuses.so")
        with Gateway(site, wait_ready=False) as gateway:
            self.assert_closed(site, gateway, "the test disk is full")

    def test_a_plugin_that_hangs_denies_after_its_limit_and_turns_readiness_off(self):
        site = self.site_with(PLUGINS / "test-plugins/hangs.so")
        with Gateway(site, wait_ready=False) as gateway:
            answer = self.ask(site, "GET", "/public/x")
            self.assertEqual(answer.status, 503)
            self.assert_closed(site, gateway)

    def test_a_reload_that_is_on_record_in_part_is_taken_back_before_anybody_is_served(self):
        site = self.site_with(PLUGINS / "test-plugins/refuses_shadow.so")
        with Gateway(site) as gateway:
            def taken():
                return [line.split(maxsplit=2) for line in gateway.log_tail(100_000).splitlines()
                        if line.startswith(("taken ", "refused "))]

            first = [words[2] for words in taken() if words[1] == "policy.load"]
            site.policy["policy"] = "another"
            (site.root / "shadow.yaml").write_text(json.dumps({**site.policy, "policy": "shadow"}))
            site.settings["shadow_policy"] = "shadow.yaml"
            site.write()
            gateway.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "says again what is in force" in gateway.log_tail(100_000), what="the record is mended")
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            told = taken()
            at = next(i for i, words in enumerate(told) if words[0] == "refused")
            self.assertEqual([words[1] for words in told[at - 2:at + 4]],
                             ["config.load", "policy.load", "policy.load", "config.reject", "config.load", "policy.load"])
            self.assertNotEqual(told[at - 1][2], first[0])
            self.assertEqual(told[at + 3][2], first[0], "the policy that decides is the last on record")
            self.assertEqual(told[at + 4][1], "access.allow")

    def test_a_record_that_never_takes_it_back_serves_nobody_and_still_ends(self):
        site = self.site_with(PLUGINS / "test-plugins/refuses_shadow.so")
        site.settings["audit"].update(options={"forever": True}, when_unwritable="allow_read_only")
        site.write()
        with Gateway(site) as gateway:
            self.assertEqual(self.ask(site, "GET", "/public/x").status, 200)
            (site.root / "shadow.yaml").write_text(json.dumps({**site.policy, "policy": "shadow"}))
            site.settings["shadow_policy"] = "shadow.yaml"
            site.write()
            gateway.process.send_signal(signal.SIGHUP)
            wait_until(lambda: "no request is served" in gateway.log_tail(100_000), what="it says that it serves nobody")
            wait_until(lambda: self.ask(site, "GET", "/public/x").status == 503, what="not even what may be read")
            self.assertIn("in force", gateway.admin("/readyz")[1])
            gateway.process.send_signal(signal.SIGTERM)
            self.assertEqual(gateway.process.wait(30), 0)

    def test_the_example_plugin_works_as_the_journal(self):
        site = self.site_with(PLUGINS / "stdout_plugin.so")
        with Gateway(site) as gateway:
            answer = self.ask(site, "GET", "/public/x")
            self.assertEqual(answer.status, 200)
            log = wait_until(lambda: [line for line in gateway.log_tail(100_000).splitlines()
                                      if '"kind":"access.allow"' in line], what="the event is printed")
            self.assertEqual([parse_json(line)["id"] for line in log], [answer.request_id])


if __name__ == "__main__":
    unittest.main()
