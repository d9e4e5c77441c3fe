"""Everything on one person: as JSON by its schema, and as a page to read."""

import html
import re
import time
import uuid
from html.parser import HTMLParser

import pytest

from app.assembly import RIGHTS
from app.engagement.jobs import Follower
from app.privacy.export import schema
from tests.api.world import STORE, filled, receipt
from tests.privacy.canaries import Canary, leaks, live

NASTY = '<script>alert("x")</script>&\'"'


class Page(HTMLParser):
    """What a page is made of: tags, addresses, and the text of its cells."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.open = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in {"href", "src", "action"}]
        if tag not in {"meta", "link", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


async def test_everything_of_a_life_is_shown_and_fits_its_schema(client, house, names):
    canary = Canary(client, names)
    await live(canary)
    await Follower(house.services).turn()
    await house.services.reads.flush()
    answer = await client.get(f"/v1/customers/{canary.customer}/export")
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    # Every value that was given, also those that were replaced since.
    assert set(canary.given) - leaks(answer.text, canary) == set()
    schema(RIGHTS).model_validate_json(answer.content)
    sections = answer.json()["sections"]
    empty = {name for name, rows in sections.items() if not rows}
    # Nobody else is like this one, and nothing was merged.
    other = {"merges", "merge_rows", "duplicate_candidates"}
    # Plans, budgets and expenses, lists and kept segments, are tested where they are kept.
    company = {"sales_plans", "expense_budgets", "expenses", "segment_members", "memberships"}
    # So are changes of a limit that wait, allowances that were used, and rules of warnings for some.
    company |= {"credit_changes", "credit_allowance_uses", "customer_warning_rules", "warning_override_members"}
    assert empty == other | company, "a life that lacks something shows nothing of it"
    assert {"customer.create", "customer.lookup"} <= {one["action"] for one in sections["audit_entries"]}
    assert {one["client"] for one in sections["audit_entries"] if one["client"]} == {"test admin"}
    assert any(one["previous"] for one in sections["facts"])


async def test_a_merged_person_shows_both_histories(client):
    winner = (await client.post("/v1/customers", json={"display_name": "Zhang Wei"})).json()["id"]
    loser = (await client.post("/v1/customers", json={"display_name": "Zhang W."})).json()["id"]
    (await client.post("/v1/merges", json={"winner": winner, "loser": loser})).raise_for_status()
    shown = (await client.get(f"/v1/customers/{winner}/export")).json()
    assert shown["merged_from"] == [loser]
    assert {one["id"] for one in shown["sections"]["customers"]} == {winner, loser}
    assert [one["loser"] for one in shown["sections"]["merges"]] == [loser]
    gone = await client.get(f"/v1/customers/{loser}/export")
    assert (gone.status_code, gone.json()["merged_into"]) == (409, winner)


async def test_the_page_is_plain_escaped_and_asks_nobody(client):
    made = await client.post("/v1/customers", json={"display_name": NASTY, "profile": {"life": {"hobbies": [NASTY]}}})
    customer = made.json()["id"]
    for path, accept in (("export.html", "*/*"), ("export", "text/html,application/xhtml+xml,*/*;q=0.8")):
        answer = await client.get(f"/v1/customers/{customer}/{path}", headers={"Accept": accept})
        assert answer.headers["content-type"] == "text/html; charset=utf-8"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        page = Page()
        page.feed(answer.text)
        assert page.open == [] and not {"script", "img", "iframe", "form", "link"} & set(page.tags)
        assert all(address.startswith("#") for address in page.addresses)
        assert html.escape(NASTY) in answer.text and NASTY not in answer.text
        assert '<html lang="en">' in answer.text and page.tags.count("h1") == 1
        heads = len(re.findall("<th ", answer.text))
        assert heads == answer.text.count('<th scope="col">') > 10


async def test_json_is_what_a_program_gets(client):
    customer = (await client.post("/v1/customers", json={"display_name": "Zhang Wei"})).json()["id"]
    for accept in ("*/*", "application/json", "application/json, text/html"):
        answer = await client.get(f"/v1/customers/{customer}/export", headers={"Accept": accept})
        assert answer.headers["content-type"] == "application/json"


async def test_an_export_is_a_read_that_is_written_down(client, house):
    customer = (await client.post("/v1/customers", json={"display_name": "Zhang Wei"})).json()["id"]
    await client.get(f"/v1/customers/{customer}/export")
    await house.services.reads.flush()
    found = (await client.get("/v1/audit", params={"customer_id": customer})).json()["data"]
    assert [one["action"] for one in found] == ["customer.export", "customer.create"]


async def bought(client, customer, count):
    (await client.put("/v1/stores/S01", json=STORE)).raise_for_status()
    for start in range(0, count, 1000):
        items = [
            filled(receipt(f"N-{number}"), {"store": "S01"}) | {"customer": {"id": customer}}
            for number in range(start, min(start + 1000, count))
        ]
        answer = await client.post("/v1/receipts/batch", json={"items": items})
        assert {one["status"] for one in answer.json()["results"]} == {"created"}


async def sizes(client, statements, customer):
    with statements() as sent:
        answer = await client.get(f"/v1/customers/{customer}/export")
    assert answer.status_code == 200, answer.text
    return len(sent), len(answer.json()["sections"]["receipts"])


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.proof)])
async def test_many_receipts_take_as_many_statements_as_one(client, statements, count):
    few = (await client.post("/v1/customers", json={"display_name": "Few"})).json()["id"]
    many = (await client.post("/v1/customers", json={"display_name": "Many"})).json()["id"]
    await bought(client, many, count)
    assert (await sizes(client, statements, few))[0] < 12
    began = time.perf_counter()
    assert await sizes(client, statements, many) == ((await sizes(client, statements, few))[0], count)
    page = await client.get(f"/v1/customers/{many}/export.html")
    assert page.status_code == 200 and page.text.count("</tr>") > 2 * count
    print(f"\nan export with {count} receipts, as JSON and page: {time.perf_counter() - began:.1f} s")
    with statements() as sent:
        done = await client.post("/v1/erasures", json={"customer_id": many, "reason": "request"})
    assert done.status_code == 201 and len(sent) < 75
    with statements() as fewer:
        await client.post("/v1/erasures", json={"customer_id": few, "reason": "request"})
    assert len(fewer) == len(sent)


async def test_nobody_has_no_export(client):
    answer = await client.get(f"/v1/customers/{uuid.uuid4()}/export")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
