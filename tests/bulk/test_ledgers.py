"""Files of entries, plans and budgets: as the batch routes write them, with the warnings that follow."""

import asyncio
import json
from datetime import date

import pytest

from app.core.caller import SYSTEM
from app.credit import queries
from tests.bulk.conftest import NDJSON
from tests.early_warning.factories import Town


@pytest.fixture
async def dealers(client):
    made = []
    for number in range(3):
        answer = await client.post("/v1/customers", json={"kind": "business", "display_name": f"D{number}"})
        made.append(answer.json()["id"])
        await client.put(f"/v1/customers/{made[-1]}/credit", json={"limit": 1000, "term_days": 30})
    return made


async def balances(client, customers):
    return [(await client.get(f"/v1/customers/{one}/credit")).json()["balance"] for one in customers]


def counts(found):
    return tuple(found["rows"][name] for name in ("read", "created", "updated", "duplicate", "failed"))


async def test_entries_of_many_customers_come_from_a_file_and_warn(client, imports, dealers):
    nobody = "00000000-0000-0000-0000-000000000001"
    rows = [
        "customer_id,external_id,kind,amount,occurred_on,due_on,allocations",
        f"{dealers[0]},inv-1,charge,1500,2026-01-01,2026-02-01,",
        f"{dealers[0]},inv-2,charge,300,2026-01-02,2026-03-01,",
        f'{dealers[0]},pay-1,payment,400,2026-01-03,,"[{{""external_id"":""inv-2"",""amount"":300}}]"',
        f'{dealers[1]},pay-1,payment,50,2026-01-03,,"[{{""external_id"":""inv-2"",""amount"":10}}]"',
        f"{dealers[1]},inv-1,charge,70,2026-01-01,,",
        f"{nobody},inv-1,charge,70,2026-01-01,,",
        f"{dealers[2]},inv-1,charge,0,2026-01-01,,",
    ]
    found = await imports.run("receivables", "\n".join(rows))
    assert counts(found) == (7, 4, 0, 0, 3)
    assert [(error["line"], error["code"], error["pointer"]) for error in await imports.errors(found["id"])] == [
        (5, "unknown_charge", "allocations"), (7, "unknown_customer", "customer_id"),
        (8, "greater_than_equal", "amount"),
    ]  # fmt: skip
    assert await balances(client, dealers) == [1400, 70, 0]
    charges = (await client.get(f"/v1/customers/{dealers[0]}/open-charges")).json()["data"]
    assert [(one["external_id"], one["open"]) for one in charges] == [("inv-1", 1400)]
    warned = (await client.get("/v1/warnings")).json()["data"]
    assert {one["customer_id"] for one in warned if one["about"] == "limit"} == {dealers[0]}
    again = await imports.run("receivables", "\n".join(rows))
    assert counts(again) == (7, 0, 0, 4, 3)
    assert await balances(client, dealers) == [1400, 70, 0]


async def test_plans_and_budgets_come_from_files(client, imports, dealers):
    rows = f"customer_id,period,planned,monthly_amounts\n{dealers[0]},2026-Q1,600,100 200 300\n{dealers[1]},2026,5,\n"
    assert counts(await imports.run("sales_plans", rows + f"{dealers[2]},2026-13,5,\n")) == (3, 2, 0, 0, 1)
    plan = (await client.get(f"/v1/customers/{dealers[0]}/sales-plans/2026-Q1")).json()
    assert [one["planned"] for one in plan["months"]] == [100, 200, 300]
    lines = [{"customer_id": one, "period": "2026-05", "planned": 7} for one in dealers]
    text = "\n".join(json.dumps(one) for one in lines)
    assert counts(await imports.run("expense_budgets", text, NDJSON)) == (3, 3, 0, 0, 0)
    assert (await client.get(f"/v1/customers/{dealers[2]}/expense-budgets/2026-05")).json()["planned"] == 7


async def test_expenses_of_many_customers_come_from_a_file(client, imports, dealers):
    nobody = "00000000-0000-0000-0000-000000000001"
    rows = [
        "customer_id,external_id,kind,amount,occurred_on,by,note,corrects",
        f"{dealers[0]},e1,visit,500,2026-01-05,emp-3,Taxi,",
        f"{dealers[0]},e2,visit,-200,,,,e1",
        f"{dealers[0]},e3,visit,-301,,,,e1",
        # What is called alike is another customer's, and so corrects nothing here.
        f"{dealers[1]},e1,gift,70,2026-01-06,,,",
        f"{dealers[1]},e4,visit,-10,,,,e2",
        f"{nobody},e1,gift,70,,,,",
        f"{dealers[2]},e1,party,70,,,,",
        f"{dealers[2]},e2,gift,7.50,,,,",
        f"{dealers[2]},e3,gift,750,,,,",
    ]
    found = await imports.run("expenses", "\n".join(rows))
    assert counts(found) == (9, 4, 0, 0, 5)
    assert [(one["line"], one["code"], one["pointer"], one["key"]) for one in await imports.errors(found["id"])] == [
        (4, "too_much", "amount", "e3"), (6, "unknown_expense", "corrects", "e4"),
        (7, "unknown_customer", "customer_id", "e1"), (8, "unknown_value", "kind", "e1"),
        (9, "invalid_integer", "amount", "e2"),
    ]  # fmt: skip
    listed = (await client.get(f"/v1/customers/{dealers[0]}/expenses")).json()["data"]
    shown = [(one["external_id"], one["amount"], one["occurred_on"], one["by"], one["corrects"]) for one in listed]
    assert shown == [("e2", -200, "2026-01-05", None, "e1"), ("e1", 500, "2026-01-05", "emp-3", None)]
    again = await imports.run("expenses", "\n".join(rows))
    assert counts(again) == (9, 0, 0, 4, 5)
    changed = "customer_id,external_id,kind,amount\n" + f"{dealers[0]},e1,visit,501\n{dealers[1]},e1,gift,70\n"
    found = await imports.run("expenses", changed)
    assert counts(found) == (2, 0, 0, 1, 1)
    assert [(one["code"], one["pointer"]) for one in await imports.errors(found["id"])] == [("differs", "amount")]


async def test_expenses_from_a_file_warn_as_those_from_the_route_do(client, imports, house, dealers):
    town = Town(house.services, client, date(2026, 3, 2))
    await town.watch()
    for one in dealers[:2]:
        await client.put(f"/v1/customers/{one}/expense-budgets/2026", json={"planned": 1000})
    entered = {"external_id": "e", "kind": "gift", "amount": 1001, "occurred_on": "2026-01-02"}
    await client.post(f"/v1/customers/{dealers[0]}/expenses/batch", json={"items": [entered]})
    await imports.run("expenses", json.dumps({**entered, "customer_id": dealers[1]}), NDJSON)
    await town.watch()
    warned = (await client.get("/v1/warnings", params={"kind": "sales_expense"})).json()["data"]
    assert {(one["customer_id"], one["state"]) for one in warned} == {(one, "above_budget") for one in dealers[:2]}


async def test_expenses_cost_a_fixed_few_statements(client, imports, statements):
    async def made(count, start):
        names = [{"kind": "business", "display_name": f"{start}-{number}"} for number in range(count)]
        ids = [one["id"] for one in (await client.post("/v1/customers/batch", json={"items": names})).json()["results"]]
        items = [{"customer_id": one, "external_id": "a", "kind": "gift", "amount": 5} for one in ids]
        items += [
            {"customer_id": one, "external_id": "b", "kind": "gift", "amount": -2, "corrects": "a"} for one in ids
        ]
        text = "\n".join(json.dumps(one) for one in items)
        with statements() as asked:
            assert counts(await imports.run("expenses", text, NDJSON)) == (2 * count, 2 * count, 0, 0, 0)
            assert counts(await imports.run("expenses", text + "\n", NDJSON)) == (2 * count, 0, 0, 2 * count, 0)
        return len([one for one in asked if "expenses" in one])

    assert await made(2, "few") == await made(300, "many")


async def test_a_batch_costs_a_fixed_few_statements(client, house, imports, statements):
    async def made(count, start):
        names = [{"kind": "business", "display_name": f"{start}-{number}"} for number in range(count)]
        answer = await client.post("/v1/customers/batch", json={"items": names})
        ids = [one["id"] for one in answer.json()["results"]]
        items = [{"customer_id": one, "external_id": "a", "kind": "charge", "amount": 5} for one in ids]
        items += [
            {"customer_id": one, "external_id": "b", "kind": "payment", "amount": 5,
             "allocations": [{"external_id": "a", "amount": 5}]} for one in ids
        ]  # fmt: skip
        with statements() as asked:
            found = await imports.run("receivables", "\n".join(json.dumps(one) for one in items), NDJSON)
        assert counts(found) == (2 * count, 2 * count, 0, 0, 0)
        return len([one for one in asked if "receivable" in one or "credit_accounts" in one])

    assert await made(2, "few") == await made(100, "many")
    assert await house.services.db.read(SYSTEM, queries.differences) == []


async def test_files_and_routes_at_once_leave_every_balance_exact(client, imports, house, dealers):
    def lines(start):
        items = [
            {"customer_id": one, "external_id": f"{start}-{number}", "kind": "charge", "amount": 1}
            for number in range(20) for one in reversed(dealers)
        ]  # fmt: skip
        return "\n".join(json.dumps(one) for one in items)

    async def pay(one, number):
        item = {"external_id": f"p{number}", "kind": "payment", "amount": 1}
        answer = await client.post(f"/v1/customers/{one}/receivables/batch", json={"items": [item]})
        assert answer.status_code == 200

    pays = [pay(one, number) for number in range(5) for one in dealers]
    await asyncio.gather(*(imports.run("receivables", lines(start), NDJSON) for start in "ab"), *pays)
    assert await balances(client, dealers) == [35, 35, 35]
    assert await house.services.db.read(SYSTEM, queries.differences) == []


async def test_who_may_not_see_money_brings_none(client, house):
    terms = {"name": "Narrow", "role": "admin", "field_groups": ["basic"]}
    key = (await client.post("/v1/api-keys", json=terms)).json()["key"]
    async with house.client(None) as narrow:
        narrow.headers["Authorization"] = f"Bearer {key}"
        for kind in ("receivables", "sales_plans", "expense_budgets", "expenses"):
            sent = await narrow.post(
                "/v1/imports", params={"kind": kind}, content=b"x\n", headers={"Content-Type": "text/csv"}
            )
            assert (sent.status_code, sent.json()["code"]) == (403, "forbidden")
