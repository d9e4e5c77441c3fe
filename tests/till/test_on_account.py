"""Sales that are not paid: what they put on accounts, what takes it off again, and what they cost in statements."""

import asyncio
import uuid
from datetime import date

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.credit import commands as credit
from tests.early_warning.conftest import town
from tests.early_warning.test_meeting import WAITING

__all__ = ["town"]


@pytest.fixture
async def dealer(town):
    customer = await town.customer("Dealer", kind="business")
    await town.credit(customer, 100_000, 30)
    return customer


async def entries(town, customer):
    listed = (await town.call("GET", f"/customers/{customer}/receivables"))["data"]
    return [(one["kind"], one["amount"], one["receipt_id"], one["due_on"]) for one in reversed(listed)]


async def balance(town, customer):
    return (await town.call("GET", f"/customers/{customer}/credit"))["balance"]


async def test_only_what_was_not_paid_is_charged_and_is_due_after_the_term(town, dealer):
    sent = town.sale(dealer, 5_000)
    sent["tenders"] = [{"kind": "cash", "amount": 2_000}, {"kind": "on_account", "amount": 3_000}]
    sold = await town.call("POST", "/receipts", sent)
    assert await entries(town, dealer) == [("charge", 3_000, sold["id"], "2026-04-01")]
    assert await balance(town, dealer) == 3_000


async def test_a_return_on_account_takes_off(town, dealer):
    await town.sell(dealer, 5_000, on_account=True)
    await town.sell(dealer, 2_000, on_account=True, kind="return")
    assert [entry[:2] for entry in await entries(town, dealer)] == [("charge", 5_000), ("credit_note", 2_000)]
    assert await balance(town, dealer) == 3_000


async def test_another_currency_is_converted_at_the_receipts_rate(town, dealer):
    await town.sell(dealer, 1_000, on_account=True, currency="EUR", rate="7.85")
    assert await balance(town, dealer) == 7_850
    answer = await town.client.post(
        "/v1/receipts", json=town.sale(dealer, 10**14, on_account=True, currency="EUR", rate="7.85")
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


async def test_a_void_gives_back_once_and_keeps_both_entries(town, dealer):
    sold = await town.sell(dealer, 5_000, on_account=True)
    town.pass_days(2)
    for _ in range(2):
        await town.call("POST", f"/receipts/{sold['id']}/void")
    due = "2026-04-01"
    assert await entries(town, dealer) == [("charge", 5_000, sold["id"], due), ("credit_note", 5_000, sold["id"], due)]
    assert await balance(town, dealer) == 0


async def test_a_voided_sale_never_pays_for_an_older_debt(town, dealer):
    await town.sell(dealer, 1_000, on_account=True)
    town.pass_days(40)
    sold = await town.sell(dealer, 9_000, on_account=True)
    await town.call("POST", f"/receipts/{sold['id']}/void")
    found = await town.call("GET", f"/customers/{dealer}/credit")
    assert (found["balance"], found["overdue"], found["overdue_since"]) == (1_000, 1_000, "2026-04-01")


async def test_a_receipt_that_changes_hands_takes_its_debt_along(town, dealer):
    other = await town.customer("Other")
    await town.credit(other, 1_000, 7)
    sold = await town.sell(dealer, 5_000, on_account=True)
    for owner, debts in (
        ({"id": other}, (0, 5_000)),
        ({"id": dealer}, (5_000, 0)),
        (None, (0, 0)),
        ({"id": other}, (0, 5_000)),
    ):
        await town.call("POST", f"/receipts/{sold['id']}/attribution", {"customer": owner})
        assert (await balance(town, dealer), await balance(town, other)) == debts
    assert (await entries(town, other))[-1][3] == "2026-03-09"
    over = [(warning["customer_id"], warning["about"]) for warning in await town.warnings(status="all")]
    assert over == [(other, "limit")]
    await town.call("POST", f"/receipts/{sold['id']}/void")
    assert await balance(town, other) == 0
    assert await town.warnings() == []


async def test_what_nobody_owes_is_on_nobodys_account_until_somebody_does(town, dealer):
    sold = await town.sell(None, 4_000, on_account=True)
    assert sold["attributed"] is False
    await town.call("POST", f"/receipts/{sold['id']}/attribution", {"customer": {"id": dealer}})
    assert await balance(town, dealer) == 4_000


async def test_a_voided_receipt_charges_nobody_when_it_is_attributed(town, dealer):
    sold = await town.sell(None, 4_000, on_account=True)
    await town.call("POST", f"/receipts/{sold['id']}/void")
    await town.call("POST", f"/receipts/{sold['id']}/attribution", {"customer": {"id": dealer}})
    assert await balance(town, dealer) == 0


async def test_who_has_no_credit_owes_all_the_same_and_is_warned_of(town):
    customer = await town.customer("No credit")
    await town.sell(customer, 700, on_account=True)
    found = await town.call("GET", f"/customers/{customer}/credit")
    assert (found["limit"], found["balance"], found["available"]) == (0, 700, 0)
    assert [(one["about"], one["state"]) for one in await town.warnings()] == [("limit", "far_over_limit")]


async def test_a_batch_charges_each_and_warns_each_once(town, dealer):
    other = await town.customer("Other")
    await town.credit(other, 50_000)
    sales = [
        town.sale(customer, 30_000, on_account=True) for customer in (dealer, other, dealer, other, dealer, dealer)
    ]
    results = (await town.call("POST", "/receipts/batch", {"items": [*sales, sales[0]]}))["results"]
    assert [result["status"] for result in results] == ["created"] * 6 + ["duplicate"]
    assert (await balance(town, dealer), await balance(town, other)) == (120_000, 60_000)
    states = {one["customer_id"]: one["state"] for one in await town.warnings()}
    assert states == {dealer: "far_over_limit", other: "far_over_limit"}


async def test_a_late_receipt_is_due_from_its_own_day(town, dealer):
    sent = town.sale(dealer, 2_000, on_account=True)
    town.go_to(date(2026, 4, 20))
    await town.call("POST", "/receipts", sent)
    assert [(one["about"], one["state"]) for one in await town.warnings()] == [("overdue", "overdue")]
    assert (await town.warnings())[0]["sentence"] == "20.00 CNY should have been paid by 2026-04-01, 19 days ago."


async def test_what_is_paid_at_once_costs_no_statement_more(town, dealer, statements):
    """A push is a fixed few statements; one that touches accounts has four more, however long it is."""
    await town.sell(dealer)

    async def cost(*sales):
        with statements() as found:
            if len(sales) == 1:
                await town.call("POST", "/receipts", sales[0])
            else:
                await town.call("POST", "/receipts/batch", {"items": list(sales)})
        return len(found)

    paid = await cost(town.sale(dealer))
    assert paid <= 6
    assert await cost(town.sale(dealer, on_account=True)) == paid + 4
    few = await cost(*(town.sale(dealer) for _ in range(2)))
    assert await cost(*(town.sale(dealer) for _ in range(20))) == few
    assert await cost(*(town.sale(dealer, on_account=True) for _ in range(20))) == few + 4


async def test_a_receipt_that_changes_hands_holds_accounts_in_the_order_of_ids(town):
    """As everybody does who holds several: nobody waits in a circle."""
    low, high = sorted([await town.customer("One"), await town.customer("Other")], key=uuid.UUID)
    for one in (low, high):
        await town.credit(one, 100_000)
    sold = await town.sell(high, 5_000, on_account=True)
    database, moving = town.services.db, []

    async def work(tx):
        await credit.lock_accounts(tx, [uuid.UUID(low)])
        body = {"customer": {"id": low}}
        moving.append(asyncio.create_task(town.call("POST", f"/receipts/{sold['id']}/attribution", body)))
        for _ in range(1000):
            if await database.read(SYSTEM, lambda other: other.scalar(WAITING)):
                break
            await asyncio.sleep(0.01)
        await credit.lock_accounts(tx, [uuid.UUID(high)])

    stats = text("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")
    before = await database.read(SYSTEM, lambda tx: tx.scalar(stats))
    await database.run(work)
    await moving[0]
    assert await database.read(SYSTEM, lambda tx: tx.scalar(stats)) == before
    assert (await balance(town, low), await balance(town, high)) == (5_000, 0)
