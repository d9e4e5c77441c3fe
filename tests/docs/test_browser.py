"""The browser that the tests drive: its clicks land on pages that move, and nothing of it stays behind."""

import shutil
from pathlib import Path
from urllib.parse import quote

import pytest

from tests import browser as driver
from tests.browser import Browser, living

# Its button comes late, slides for a while, and jumps away from under the first press; beneath it lies a trap.
MOVING = """<!doctype html>
<body style="height: 9000px">
<script>
  const seen = [];
  for (const kind of ["mousedown", "click"])
    document.addEventListener(kind, event => seen.push(kind + " " + event.target.tagName));
  setTimeout(() => {
    const button = document.body.appendChild(document.createElement("button"));
    button.append("Press");
    button.style = "position: absolute; left: 50px; width: 90px; height: 30px";
    let top = 4000, pressed = false;
    const place = () => { button.style.top = top + "px"; };
    const slide = () => { place(); if (top < 4200) { top += 10; requestAnimationFrame(slide); } };
    slide();
    addEventListener("mousedown", () => { if (!pressed) { pressed = true; top = 5000; place(); } }, true);
  }, 200);
</script>"""


def test_a_click_lands_once_on_what_moves():
    with Browser() as browser:
        browser.open(f"data:text/html,{quote(MOVING)}")
        browser.click("button")
        # The second press is whole; of the first, only what hit the button was let through.
        assert browser.value("seen") == ["mousedown BUTTON", "mousedown BUTTON", "click BUTTON"]
        assert browser.complaints == []


@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="processes are seen on Linux only")
def test_nothing_stays_behind_after_a_failure():
    with pytest.raises(ZeroDivisionError), Browser() as browser:
        _fail_beside(browser)
    assert not browser.profile.exists()
    assert living(browser.profile) == []


def test_nothing_stays_behind_if_it_does_not_start(monkeypatch, tmp_path):
    monkeypatch.setattr(driver, "program", lambda: shutil.which("false"))
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(AssertionError, match="did not start"), Browser():
        pass
    assert list(tmp_path.iterdir()) == []


def _fail_beside(browser: Browser) -> None:
    assert living(browser.profile)
    raise ZeroDivisionError
