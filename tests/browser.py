"""A real browser without a window, driven over its debugging protocol: real clicks, real keys, every request noted.

Only this machine can be reached from it: any other host name finds nothing.
"""

import contextlib
import http.client
import itertools
import json
import os
import shutil
import signal
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
    "--disable-sync", "--disable-breakpad", "--no-proxy-server", "--window-size=1280,1400",
    "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
)  # fmt: skip
# The middle of the first element that fits, scrolled into view; null until it is there, rests for two frames and
# nothing covers it. Pages move by themselves: they scroll to what was opened and lay out what came late. So the next
# click is watched as well: what does not hit the element is kept from the page, to be tried again.
AIM = """(async selector => {
  const found = document.querySelector(selector);
  if (!found) return null;
  found.scrollIntoView({block: "center", behavior: "instant"});
  const place = () => {
    const box = found.getBoundingClientRect();
    return box.width && box.height ? [box.x + box.width / 2, box.y + box.height / 2] : null;
  };
  const before = place();
  for (const _ of [1, 2]) await new Promise(requestAnimationFrame);
  const now = place();
  if (!before || !now || before.join() !== now.join()) return null;
  if (!found.contains(document.elementFromPoint(...now))) return null;
  const watch = window.clickWatch = {hit: false, end: new AbortController()};
  for (const kind of ["mousedown", "mouseup", "click"]) {
    window.addEventListener(kind, event => {
      if (found.contains(event.target)) {
        watch.hit ||= kind === "click";
      } else {
        event.preventDefault();
        event.stopImmediatePropagation();
      }
    }, {capture: true, signal: watch.end.signal});
  }
  return now;
})(%s)"""
HIT = "(clickWatch.end.abort(), clickWatch.hit)"


def program() -> str:
    """The browser's program. Skips the test where there is none."""
    for name in NAMES:
        if found := shutil.which(name):
            return found
    pytest.skip(f"no browser: none of {', '.join(NAMES)} is installed")


def living(profile: Path) -> list[int]:
    """The processes that were started for a profile. What ended counts no more. Linux only; none elsewhere."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            told = (process / "environ").read_bytes() + (process / "cmdline").read_bytes()
        except OSError:
            continue
        if os.fsencode(profile) in told:
            found.append(int(process.name))
    return found


class Browser:
    """One page of a browser with an empty profile. `requests` holds each address that it asked for."""

    def __init__(self) -> None:
        self._program = program()
        self._numbers = itertools.count(1)
        self.requests: list[str] = []
        # What the browser complained of: scripts that failed, content that the page's policy refused.
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        with contextlib.ExitStack() as stack:
            self.profile = Path(tempfile.mkdtemp(prefix="clientele-browser-"))
            stack.callback(_remove, self.profile)
            self._process = self._start()
            stack.callback(self._end)
            # The browser answers whoever may write to this port; a web page may not, for it sends its origin.
            # No pings: a busy machine may answer them too late, and each command has its own time limit.
            line = connect(
                self._address(), max_size=None, open_timeout=START_SECONDS, ping_interval=None, proxy=None
            )  # fmt: skip
            self._line = stack.enter_context(line)
            for domain in ("Page", "Network", "Runtime", "Log"):
                self.send(f"{domain}.enable")
            self._leaving = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._leaving.close()

    def _start(self) -> "subprocess.Popen[bytes]":
        arguments = [self._program, *OPTIONS, f"--user-data-dir={self.profile}", "about:blank"]
        # Whatever it writes beside its profile goes away with it.
        places = dict.fromkeys(("TMPDIR", "XDG_CONFIG_HOME", "XDG_CACHE_HOME"), str(self.profile))
        with (self.profile / "log").open("wb") as log:
            return subprocess.Popen(
                arguments, env={**os.environ, **places}, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip

    def _end(self) -> None:
        """Let it end by itself, then end what is left of its processes.

        They are a group of their own, but for its crash handler, which leaves the group and ends a moment later.
        """
        self._process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        deadline = time.monotonic() + 10
        while left := living(self.profile):
            if time.monotonic() > deadline:
                for pid in left:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                deadline += 10
            time.sleep(0.02)

    def _address(self) -> str:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline and self._process.poll() is None:
            with contextlib.suppress(OSError, http.client.HTTPException, ValueError, IndexError):
                port = int((self.profile / "DevToolsActivePort").read_text().split()[0])
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=5) as answer:
                    pages = [one for one in json.load(answer) if one["type"] == "page"]
                return str(pages[0]["webSocketDebuggerUrl"])
            time.sleep(0.05)
        raise AssertionError("the browser did not start:\n" + (self.profile / "log").read_text(errors="replace"))

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
        answer = self.send("Page.navigate", url=address)
        assert "errorText" not in answer, f"{address}: {answer['errorText']}"

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
        """Click on the first element that fits, when it is there and at rest. The page sees exactly one click."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            x, y = self.wait(AIM % json.dumps(selector))
            for kind in ("mousePressed", "mouseReleased"):
                self.send("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)
            if self.value(HIT):
                return
            assert time.monotonic() < deadline, f"never hit: {selector}"

    def write(self, selector: str, text: str) -> None:
        """Click into an empty field and write."""
        self.click(selector)
        self.send("Input.insertText", text=text)
        self.wait(f"document.querySelector({json.dumps(selector)})?.value === {json.dumps(text)}")

    def text(self, selector: str) -> str:
        """The text that is seen in the first element that fits; empty if none does."""
        return str(self.value(f"document.querySelector({json.dumps(selector)})?.innerText ?? ''"))

    def picture(self, path: Path) -> None:
        """Save what is seen, as PNG."""
        path.write_bytes(b64decode(self.send("Page.captureScreenshot", format="png")["data"]))


def _remove(directory: Path) -> None:
    """Remove a directory in which a process that was just killed may still have written. Raises OSError if it stays."""
    deadline = time.monotonic() + 10
    while directory.exists():
        shutil.rmtree(directory, ignore_errors=time.monotonic() < deadline)
