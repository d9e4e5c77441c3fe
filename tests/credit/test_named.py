"""Payments that name the charges they settle: what may be named, what is freed again, and what goes along with whom."""

import pytest

from app.core.caller import SYSTEM
from app.credit import queries, verify


@pytest.fixture
async def dealer(town):
    made = await town.customer("Dealer", kind="business")
    await town.credit(made, 10_000)
    return made


async def enter(town, customer, *items):
    path = f"/customers/{customer}/receivables/batch"
    return (await town.call("POST", path, {"items": list(items)}))["results"]


def charge(name, amount=500, **more):
    return {"external_id": name, "kind": "charge", "amount": amount, **more}


def payment(name, amount, *named, **more):
    allocations = [{"external_id": to, "amount": part} for to, part in named]
    return {"external_id": name, "kind": "payment", "amount": amount, "allocations": allocations, **more}


async def still_open(town, customer):
    found = (await town.call("GET", f"/customers/{customer}/open-charges"))["data"]
    return {one["external_id"] or one["receipt_id"]: one["open"] for one in found}


async def agrees(town):
    return await town.services.db.read(SYSTEM, queries.differences) == []


async def test_what_is_named_is_settled_and_the_rest_goes_to_what_is_due_soonest(town, dealer):
    old, new = charge("old", 500, due_on="2026-03-05"), charge("new", 500, due_on="2026-05-01")
    results = await enter(town, dealer, old, new, payment("p", 400, ("new", 300)))
    assert [one["status"] for one in results] == ["created"] * 3
    assert await still_open(town, dealer) == {"old": 400, "new": 200}
    town.pass_days(10)
    account = await town.call("GET", f"/customers/{dealer}/credit")
    assert (account["balance"], account["overdue"], account["overdue_since"]) == (600, 400, "2026-03-05")
    (listed,) = [
        one for one in (await town.call("GET", f"/customers/{dealer}/receivables"))["data"] if one["kind"] == "payment"
    ]
    assert listed["allocations"] == [{"id": results[1]["id"], "external_id": "new", "amount": 300}]
    # Money that nobody has named makes room for a name: it settles something else.
    await enter(town, dealer, payment("q", 500, ("old", 500)))
    assert await still_open(town, dealer) == {"new": 100}
    assert await agrees(town)


@pytest.mark.parametrize(
    ("item", "pointer", "code"),
    [
        (payment("p", 900, ("there", 501)), "/allocations/0/amount", "more_than_open"),
        (payment("p", 900, ("there", 300), ("there", 201)), "/allocations/1/amount", "more_than_open"),
        (payment("p", 100, ("there", 101)), "/allocations", "more_than_amount"),
        (payment("p", 100, ("theirs", 1)), "/allocations/0/external_id", "unknown_charge"),
        (payment("p", 100, ("paid", 1)), "/allocations/0/external_id", "unknown_charge"),
        (payment("p", 100, ("later", 1)), "/allocations/0/external_id", "unknown_charge"),
        (charge("p") | {"allocations": [{"external_id": "there", "amount": 1}]}, "/allocations", "not_a_payment"),
        (payment("p", 1) | {"allocations": [{"amount": 1}]}, "/allocations/0", "one_of"),
        (payment("p", 1, ("there", 0)), "/allocations/0/amount", "greater_than_equal"),
    ],
)
async def test_what_cannot_be_named_refuses_the_entry_alone(town, dealer, item, pointer, code):
    other = await town.customer("Other")
    await enter(town, other, charge("theirs"))
    await enter(town, dealer, charge("there"), payment("paid", 5))
    results = await enter(town, dealer, payment("good", 10), item,
                          charge("later"))  # fmt: skip
    assert [one["status"] for one in results] == ["created", "failed", "created"]
    assert [(one["pointer"], one["code"]) for one in results[1]["problem"]["errors"]] == [(pointer, code)]
    assert await agrees(town)


async def test_a_repetition_that_names_others_is_a_conflict(town, dealer):
    await enter(town, dealer, charge("a"), charge("b"), payment("p", 100, ("a", 60)))
    again = await enter(town, dealer, payment("p", 100, ("a", 60)), {**payment("p", 100), "allocations": None})
    assert [one["status"] for one in again] == ["duplicate", "duplicate"]
    for named in ([("a", 59)], [("b", 60)], [("a", 60), ("b", 1)], []):
        (found,) = await enter(town, dealer, payment("p", 100, *named))
        assert found["problem"]["code"] == "receivable_conflict"
        assert [one["pointer"] for one in found["problem"]["errors"]] == ["/allocations"]


async def test_what_paid_for_a_receipt_is_free_again_when_it_is_voided(town, dealer):
    sold = await town.sell(dealer, 500, on_account=True)
    (made,) = (await town.call("GET", f"/customers/{dealer}/receivables"))["data"]
    await enter(town, dealer, charge("bill", 700))
    named = payment("p", 500) | {"allocations": [{"id": made["id"], "amount": 500}]}
    assert (await enter(town, dealer, named))[0]["status"] == "created"
    assert await still_open(town, dealer) == {"bill": 700}
    await town.call("POST", f"/receipts/{sold['id']}/void")
    assert await still_open(town, dealer) == {"bill": 200}
    assert (await enter(town, dealer, named))[0]["status"] == "duplicate"
    (refused,) = await enter(town, dealer, {**named, "external_id": "q"})
    assert refused["problem"]["errors"][0]["code"] == "more_than_open"
    assert await agrees(town)


async def test_names_go_along_with_a_merge_and_back(town, dealer):
    twin = await town.customer("Twin", kind="business")
    await enter(town, dealer, charge("mine", 500), payment("before", 100, ("mine", 50)))
    await enter(town, twin, charge("theirs", 300, due_on="2026-03-03"))
    merged = await town.call("POST", "/merges", {"winner": twin, "loser": dealer}, status=201)
    assert await still_open(town, twin) == {"theirs": 250, "mine": 450}
    # The payment stays with who was merged into; the charge that it names goes back.
    await enter(town, twin, payment("since", 200, ("mine", 200)))
    assert await agrees(town)
    await town.call("POST", f"/merges/{merged['id']}/undo")
    assert (await still_open(town, dealer), await still_open(town, twin)) == ({"mine": 400}, {"theirs": 100})
    assert await agrees(town)


async def test_what_is_wrong_in_a_ledger_is_told_by_verify(town, house, dealer):
    await enter(town, dealer, charge("a"), payment("p", 100, ("a", 60)))
    assert [line async for lines in verify.check(house.services.db) for line in lines] == []

    async def spoil(tx):
        await tx.connection.exec_driver_sql("UPDATE receivable_allocations SET amount = 600, due_on = due_on + 1")

    await house.services.db.run(spoil)
    told = [line async for lines in verify.check(house.services.db) for line in lines]
    assert len(told) == 3
    assert all(line.startswith(f"customer {dealer}: ") for line in told)
