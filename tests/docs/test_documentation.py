"""The documentation page: its files and headers, and the page itself in a real browser."""

import json
import os
import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.core import docs_page
from tests.api.world import DOCUMENT
from tests.browser import Browser
from tests.served import Served

OPERATION = "div[id$='-list_stores']"
ANSWER = f"{OPERATION} .live-responses-table .response"
# A store whose name can only be on the page if the service answered.
STORE = b'{"name": "Shown in the browser", "kind": "own"}'


async def test_the_page_and_its_files_need_no_key_and_let_nothing_else_in(house):
    async with house.client(None) as anybody:
        page = await anybody.get("/docs")
        names = re.findall(r'(?:src|href)="(docs/[^"]+)"', page.text)
        files = {name: await anybody.get(f"/{name}") for name in names}
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert {name.rsplit("/", 1)[1] for name in names} == {
        "favicon-32x32.png", "start.js", "swagger-ui-bundle.js", "swagger-ui.css",
    }  # fmt: skip
    for answer in files.values():
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "public, max-age=31536000, immutable")
    for answer in (page, *files.values()):
        assert answer.headers["x-content-type-options"] == "nosniff"
        policy = dict(one.strip().split(" ", 1) for one in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'"
        assert policy["script-src"] == policy["connect-src"] == "'self'"
        assert policy["frame-ancestors"] == "'none'"


def test_the_page_names_no_other_host():
    for path in ("/docs", next(path for path in docs_page.FILES if path.endswith("start.js"))):
        assert b"//" not in docs_page.FILES[path].body


async def test_beside_the_files_everything_still_needs_a_key(house):
    """The page opens no folder: what is not a file of it is answered like any other path."""
    async with house.client(None) as anybody:
        for path in ("/docs/", "/docs/x", "/docs/../v1/stores", "/docs/%2e%2e/v1/stores", "/docs/0/start.js"):
            assert (await anybody.get(path)).status_code == 401
        assert (await anybody.post("/docs")).status_code == 405


async def test_the_document_is_made_once_and_is_what_is_committed(house, monkeypatch):
    """`make check-openapi` compares every byte of what the command line writes."""
    async with house.client(None) as anybody:
        first = (await anybody.get("/openapi.json")).content
        assert json.loads(first) == json.loads(DOCUMENT.read_bytes())

        def again(*_):
            raise AssertionError("made a second time")

        monkeypatch.setattr("app.core.openapi.document", again)
        assert (await anybody.get("/openapi.json")).content == first


@pytest.mark.pages
def test_a_browser_opens_it_offline_and_runs_a_request():
    with Browser() as browser, Served() as served:
        address = f"http://127.0.0.1:{served.port}"
        with served.line(served.admin) as line:
            assert line.call("PUT", "/v1/stores/S01", STORE).status in {200, 201}
        browser.open(f"{address}/docs")
        # The page draws only the operations in sight; a reader looks for the one that he wants.
        browser.write(".operation-filter-input", "/v1/stores")
        browser.click(f"{OPERATION} .opblock-summary-control")
        browser.click(f"{OPERATION} .execute")
        browser.wait(f"document.querySelector({ANSWER!r})?.innerText.includes('unauthenticated')")

        browser.click(".btn.authorize")
        browser.write(".modal-ux input", served.admin)
        browser.click(".modal-ux .modal-btn.authorize")
        browser.click(".modal-ux .btn-done")
        browser.click(f"{OPERATION} .execute")
        browser.wait(f"document.querySelector({ANSWER!r})?.innerText.includes('Shown in the browser')")
        assert browser.text(f"{ANSWER} .response-col_status").split()[0] == "200"
        if picture := os.environ.get("CLIENTELE_TEST_PICTURE"):
            browser.picture(Path(picture))

        asked = {urlsplit(one) for one in browser.requests if not one.startswith("data:")}
        assert {f"{one.scheme}://{one.netloc}" for one in asked} == {address}
        assert {"/docs", "/openapi.json", "/v1/stores"} <= {one.path for one in asked}
        assert browser.complaints == []
