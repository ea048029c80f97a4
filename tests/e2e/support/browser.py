"""Headless Chromium over the DevTools protocol, spoken through two pipes."""

import base64
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

ANSWER_S = 60
# The browser reads commands from descriptor 3 and writes answers to 4, whatever their numbers were here.
LAUNCH = """
import fcntl, os, sys
ends = [fcntl.fcntl(int(end), fcntl.F_DUPFD, 10) for end in sys.argv[1:3]]
os.dup2(ends[0], 3)
os.dup2(ends[1], 4)
os.execvp(sys.argv[3], sys.argv[3:])
"""


class Browser:
    """One browser with one page. A context manager."""

    def __init__(self, hosts):
        """`hosts` are names that lead to 127.0.0.1."""
        self._profile = tempfile.TemporaryDirectory(prefix="tallygate-chromium-", ignore_cleanup_errors=True)
        from_us, self._to = os.pipe()
        self._from, from_browser = os.pipe()
        rules = ",".join(f"MAP {host} 127.0.0.1" for host in hosts)
        command = ["chromium", "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                   "--ignore-certificate-errors", "--no-first-run", "--disable-extensions", "--disable-sync",
                   "--disable-background-networking", "--disable-component-update", "--disable-crash-reporter",
                   "--no-proxy-server",
                   "--window-size=1280,900", f"--host-resolver-rules={rules}", f"--user-data-dir={self._profile.name}",
                   "--remote-debugging-pipe", "about:blank"]
        self._process = subprocess.Popen(
            [sys.executable, "-c", LAUNCH, str(from_us), str(from_browser), *command], pass_fds=(from_us, from_browser),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            env={**os.environ, "HOME": self._profile.name})
        os.close(from_us)
        os.close(from_browser)
        self._number = 0
        self._session = None
        self._messages = queue.Queue()
        self._events = []
        threading.Thread(target=self._read, daemon=True).start()
        try:
            target = self._command("Target.createTarget", url="about:blank")["targetId"]
            self._session = self._command("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
            for domain in ("Page", "Runtime", "Log", "Network"):
                self._command(f"{domain}.enable")
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        os.close(self._to)  # the browser ends when its pipe does
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._profile.cleanup()

    def _read(self):
        buffer = b""
        while True:
            data = os.read(self._from, 1 << 20)
            if not data:
                self._messages.put(None)
                os.close(self._from)
                return
            buffer += data
            *whole, buffer = buffer.split(b"\0")
            for message in whole:
                self._messages.put(json.loads(message))

    def _next(self):
        try:
            message = self._messages.get(timeout=ANSWER_S)
        except queue.Empty:
            raise AssertionError("the browser does not answer") from None
        if message is None:
            raise AssertionError("the browser ended")
        return message

    def _command(self, method, **params):
        self._number += 1
        message = {"id": self._number, "method": method, "params": params}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._to, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self._events.append(answer)

    def _wait(self, method):
        while True:
            for at, event in enumerate(self._events):
                if event.get("method") == method:
                    del self._events[at]
                    return event["params"]
            self._events.append(self._next())

    def _forget(self, method):
        self._events = [event for event in self._events if event.get("method") != method]

    def open(self, url):
        """Goes to a page and waits until it is loaded; the status of the document."""
        self._forget("Page.loadEventFired")
        self._forget("Network.responseReceived")
        self._command("Page.navigate", url=url)
        self._wait("Page.loadEventFired")
        return self._status()

    def act(self, script):
        """Runs a script that leads to another page, and waits for that; the status of the document."""
        self._forget("Page.loadEventFired")
        self._forget("Network.responseReceived")
        self.run(script)
        self._wait("Page.loadEventFired")
        return self._status()

    def _status(self):
        statuses = [event["params"]["response"]["status"] for event in self._events
                    if event.get("method") == "Network.responseReceived" and event["params"]["type"] == "Document"]
        return statuses[-1] if statuses else None

    def run(self, script):
        """The value of an expression in the page."""
        answer = self._command("Runtime.evaluate", expression=script, returnByValue=True, userGesture=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{script}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def text(self):
        return self.run("document.body.innerText")

    def url(self):
        return self.run("location.href")

    def dark(self, on):
        self._command("Emulation.setEmulatedMedia",
                      features=[{"name": "prefers-color-scheme", "value": "dark" if on else "light"}])

    def size(self, width, height):
        self._command("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1,
                      mobile=width < 600)

    def screenshot(self, path):
        data = self._command("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(data))

    def complaints(self):
        """What the browser has logged as an error so far: scripts or styles that were blocked, above all."""
        found = [event["params"]["entry"]["text"] for event in self._events
                 if event.get("method") == "Log.entryAdded" and event["params"]["entry"]["level"] == "error"]
        # A document that is a refusal is logged as a failed load; that is what the test asks for.
        return [text for text in found if "Failed to load resource" not in text]
