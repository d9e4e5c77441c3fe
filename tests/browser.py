"""A real browser without a window, driven over its debugging protocol: real clicks, real keys, every request noted.

Only this machine can be reached from it: any other host name finds nothing.
"""

import contextlib
import itertools
import json
import shutil
import subprocess
import tempfile
import time
import urllib.request
from base64 import b64decode
from pathlib import Path
from typing import Any, Self

import pytest
from websockets.sync.client import connect

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
START_SECONDS = 60.0
WAIT_SECONDS = 60.0
OPTIONS = (
    "--headless=new", "--remote-debugging-port=0", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
    "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update",
    "--disable-sync", "--no-proxy-server", "--window-size=1280,1400",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)  # fmt: skip
# The middle of the first element that fits, once it is there, scrolled into view.
FIND = """(selector => {
  const found = document.querySelector(selector);
  if (!found) return null;
  found.scrollIntoView({block: "center"});
  const box = found.getBoundingClientRect();
  return box.width && box.height ? [box.x + box.width / 2, box.y + box.height / 2] : null;
})(%s)"""


def program() -> str:
    """The browser's program. Skips the test where there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")


class Browser:
    """One page of a browser with an empty profile. `requests` holds each address that it asked for."""

    def __init__(self) -> None:
        self._program = program()
        self._profile = Path(tempfile.mkdtemp(prefix="clientele-browser-"))
        self._numbers = itertools.count(1)
        self.requests: list[str] = []
        # What the browser complained of: scripts that failed, content that the page's policy refused.
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        self._log = (self._profile / "log").open("wb")
        arguments = [self._program, *OPTIONS, f"--user-data-dir={self._profile}", "about:blank"]
        self._process = subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        with contextlib.ExitStack() as stack:
            stack.callback(self._end)
            # The browser answers whoever may write to this port; a web page may not, for it sends its origin.
            line = connect(self._address(), max_size=None, open_timeout=START_SECONDS, proxy=None)
            self._line = stack.enter_context(line)
            for domain in ("Page", "Network", "Runtime", "Log"):
                self.send(f"{domain}.enable")
            self._leaving = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.close()

    def _end(self) -> None:
        self._process.terminate()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._log.close()
        shutil.rmtree(self._profile, ignore_errors=True)

    def _address(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError, ValueError, IndexError):
                port = int((self._profile / "DevToolsActivePort").read_text().split()[0])
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as answer:
                    pages = [one for one in json.load(answer) if one["type"] == "page"]
                return str(pages[0]["webSocketDebuggerUrl"])
            time.sleep(0.05)
        raise AssertionError("the browser did not start:\n" + (self._profile / "log").read_text(errors="replace"))

    # --- the protocol --------------------------------------------------------------------------------------------

    def send(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Send one command and give its result, noting the events that come before it."""
        number = next(self._numbers)
        self._line.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            message = json.loads(self._line.recv(timeout=WAIT_SECONDS))
            if message.get("id") == number:
                assert "error" not in message, f"{method}: {message['error']}"
                return dict(message["result"])
            self._note(message.get("method", ""), message.get("params", {}))

    def _note(self, event: str, told: dict[str, Any]) -> None:
        if event == "Network.requestWillBeSent":
            self.requests.append(told["request"]["url"])
        elif event == "Runtime.exceptionThrown":
            self.complaints.append(json.dumps(told["exceptionDetails"])[:500])
        elif event == "Log.entryAdded" and told["entry"]["source"] in {"security", "javascript", "violation"}:
            self.complaints.append(told["entry"]["text"])

    # --- what a person does --------------------------------------------------------------------------------------

    def open(self, address: str) -> None:
        """Go to an address."""
        self.send("Page.navigate", url=address)

    def value(self, expression: str) -> Any:
        """What a JavaScript expression is in the page."""
        result = self.send("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, f"{expression}: {result['exceptionDetails']}"
        return result["result"].get("value")

    def wait(self, expression: str) -> Any:
        """Wait until a JavaScript expression is true; its value."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not (value := self.value(expression)):
            assert time.monotonic() < deadline, f"never came: {expression}\n{self.text('body')[:3000]}"
            time.sleep(0.05)
        return value

    def click(self, selector: str) -> None:
        """Click on the first element that fits, when it is there."""
        x, y = self.wait(FIND % json.dumps(selector))
        for kind in ("mousePressed", "mouseReleased"):
            self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def write(self, selector: str, text: str) -> None:
        """Click into a field and write."""
        self.click(selector)
        self.send("Input.insertText", text=text)

    def text(self, selector: str) -> str:
        """The text that is seen in the first element that fits; empty if none does."""
        return str(self.value(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def picture(self, path: Path) -> None:
        """Save what is seen, as PNG."""
        path.write_bytes(b64decode(self.send("Page.captureScreenshot", format="png")["data"]))
