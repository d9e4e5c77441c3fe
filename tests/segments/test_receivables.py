"""Questions about the entries of accounts: the same in SQL, explained and in plain Python, and for whom they are."""

from datetime import date

import pytest

from tests.segments.factories import customer
from tests.segments.test_same import Comparison

TEXTS = (
    "sum(receivables.open) = 0.00", "sum(receivables.open) > 0.99", "max(receivables.open) > 50.00",
    "min(receivables.open) = 0.00", "sum(receivables.open) = credit.balance", "sum(receivables.overdue) > 0.00",
    "sum(receivables.overdue) = credit.overdue", "any(receivables where open > 0.00 and due < 2026-01-01)",
    "all(receivables where kind != 'charge' or open = amount)", "none(receivables where overdue > 0.00)",
    "count(receivables during last 2 days where kind = 'charge') > 1", "any(receivables where open is missing)",
    "sum(receivables.amount where kind in ('payment', 'credit_note')) > 1.00", "last(receivables.open) >= 0.01",
    "first(receivables.due) < 2026-01-01",
)  # fmt: skip


@pytest.mark.parametrize("seed", range(5))
async def test_the_entries_of_an_account_are_as_plain_python_reads_them(house, registry, seed):
    anchor = date(2026, 1, 1)
    await Comparison(house, registry, anchor, seed).ask_all(TEXTS, anchor)


async def test_entries_are_asked_about_by_those_who_may_see_money_and_credit(client, clients):
    one = await customer(client, display_name="One")
    item = {"external_id": "1", "kind": "charge", "amount": 500, "occurred_on": "2026-01-01", "due_on": "2026-02-01"}
    answer = await client.post(f"/v1/customers/{one}/receivables/batch", json={"items": [item]})
    assert answer.json()["results"][0]["status"] == "created"
    for text in ("any(receivables)", "sum(receivables.overdue) > 4.99", "count(receivables where open = 5.00) = 1"):
        body = {"text": text, "as_of": "2026-11-21"}
        assert (await clients["pos"].post("/v1/segments/preview", json=body)).status_code == 403
        assert (await clients["analyst"].post("/v1/segments/preview", json=body)).json()["count"] == 1
    names = {one["name"] for one in (await clients["pos"].get("/v1/segments/fields")).json()["collections"]}
    assert "receivables" not in names
