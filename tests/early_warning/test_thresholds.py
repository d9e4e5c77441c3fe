"""Rules for some customers: the most specific applies, and the evidence says which."""

import uuid

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM
from app.early_warning import commands
from app.early_warning.commands import setting
from app.early_warning.jobs import HANDLERS
from tests.core.test_jobs import run_until_over

NOBODY = "01989e3c-7a00-7c11-9d53-2f6a0c8e4b00"


@pytest.fixture
async def dealer(town):
    """Owes 900 of 1,000."""
    customer = await town.customer("Dealer", kind="business")
    await town.credit(customer, 1_000)
    await town.sell(customer, 900, on_account=True)
    return customer


async def put(town, by, key, percent, status=None, **more):
    path = f"/warning-rules/credit/overrides/{by}/{key}"
    return await town.call("PUT", path, {"settings": {"notice_percent": percent}, **more}, status=status)


async def applied(town, customer):
    """By which rule a customer is warned of, if at all."""
    await town.evaluate(customer)
    found = await town.warnings(customer_id=customer)
    return found[0]["evidence"]["rule"] if found else None


async def graded(town, customer, grade):
    path = f"/v1/customers/{customer}"
    version = (await town.client.get(path)).json()["version"]
    answer = await town.client.put(f"{path}/grade", json={"grade": grade}, headers={"If-Match": f'"{version}"'})
    assert answer.json()["grade"] == grade


async def look_up(town):
    """What the worker does when it takes the job."""
    queued = text("SELECT id FROM jobs WHERE kind = :kind AND status = 'queued'")
    rows = await town.services.db.read(SYSTEM, lambda tx: tx.rows(queued, {"kind": commands.MEMBERS}))
    for row in rows:
        await run_until_over(town.services, row.id, HANDLERS)
    return len(rows)


async def segment(town, name, asked):
    return (await town.call("POST", "/segments", {"name": name, "text": asked}))["id"]


async def test_customer_before_segment_before_grade_before_company(town, dealer):
    await graded(town, dealer, "A")
    companies = await segment(town, "Companies", "kind = 'business'")
    assert await applied(town, dealer) is None
    await town.call("PUT", "/warning-rules/credit", {"notice_percent": 90})
    assert await applied(town, dealer) == {"by": "default"}
    await town.call("PUT", "/warning-rules/credit", {})
    assert await applied(town, dealer) is None
    await put(town, "grade", "A", 80, 201)
    assert await applied(town, dealer) == {"by": "grade", "grade": "A"}
    await put(town, "segment", companies, 95, 201)
    assert await look_up(town) == 1
    assert await applied(town, dealer) is None
    await put(town, "segment", companies, 85, 200)
    assert await applied(town, dealer) == {"by": "segment", "segment": companies}
    await put(town, "customer", dealer, 95, 201)
    assert await applied(town, dealer) is None
    await put(town, "customer", dealer, 90)
    assert await applied(town, dealer) == {"by": "customer"}
    # Without it the next less specific one applies.
    for by, key in (("customer", dealer), ("segment", companies), ("grade", "A")):
        assert (await town.client.delete(f"/v1/warning-rules/credit/overrides/{by}/{key}")).status_code == 204
        gone = await town.client.delete(f"/v1/warning-rules/credit/overrides/{by}/{key}")
        assert gone.status_code == 404
    assert await applied(town, dealer) is None


async def test_of_two_segments_the_higher_priority_counts_then_the_first(town, dealer):
    first, second = await segment(town, "First", "kind = 'business'"), await segment(town, "Second", "kind != 'person'")
    await put(town, "segment", first, 80)
    town.pass_a_minute()
    await put(town, "segment", second, 80)
    await look_up(town)
    assert await applied(town, dealer) == {"by": "segment", "segment": first}
    await put(town, "segment", second, 85, priority=1)
    await put(town, "segment", first, 99)
    await town.pay(dealer, 100)
    assert await applied(town, dealer) is None
    await town.sell(dealer, 60, on_account=True)
    assert await applied(town, dealer) == {"by": "segment", "segment": second}


async def test_however_many_segments_it_is_a_fixed_few_statements(town, dealer, statements, monkeypatch):
    """Found: up to three statements for each rule that is set for a segment, and no bound to their number."""
    person, asked, one = await town.customer("Person"), [], ""
    for number in range(8):
        kind = "business" if number % 2 else "person"
        one = await segment(town, f"S{number}", f"kind = '{kind}'")
        await put(town, "segment", one, 80 + number)
        await town.call("PUT", f"/warning-rules/loss/overrides/segment/{one}", {"settings": {}})
        if number in {1, 7}:
            with statements() as found:
                await look_up(town)
            # How often the test looks whether the job is over depends on how long it takes.
            asked.append(len([one for one in found if "FROM jobs" not in one]))
    assert asked[0] == asked[1]
    noted = text("SELECT customer_id, count(*) AS number FROM warning_override_members GROUP BY customer_id")
    rows = await town.services.db.read(SYSTEM, lambda tx: tx.rows(noted))
    assert {str(row.customer_id): row.number for row in rows} == {dealer: 8, person: 8}
    monkeypatch.setattr(setting, "SEGMENTS_MAX", 8)
    other = await segment(town, "Other", "kind = 'person'")
    path = f"/warning-rules/credit/overrides/segment/{other}"
    assert (await town.call("PUT", path, {"settings": {}}, status=409))["code"] == "too_many_segments"
    # One that has a rule may have others.
    await put(town, "segment", one, 85)


async def test_who_is_in_a_segment_is_looked_up_with_every_sweep(town, dealer):
    rich = await segment(town, "Buys much", "figures.net > 50.00")
    await put(town, "segment", rich, 80)
    await look_up(town)
    assert await applied(town, dealer) is None
    await town.sell(dealer, 5_000)
    answer = await town.call("POST", "/warnings/evaluations", {"kinds": ["credit"]})
    await run_until_over(town.services, uuid.UUID(answer["job_id"]), HANDLERS)
    assert await applied(town, dealer) == {"by": "segment", "segment": rich}
    # A segment that is gone has nobody in it.
    assert (await town.client.delete(f"/v1/segments/{rich}", headers={"If-Match": '"1"'})).status_code == 204
    answer = await town.call("POST", "/warnings/evaluations", {"kinds": ["credit"]})
    await run_until_over(town.services, uuid.UUID(answer["job_id"]), HANDLERS)
    assert await applied(town, dealer) is None


async def test_a_hold_may_be_for_one_customer_alone(town, dealer):
    other = await town.customer("Other", kind="business")
    for customer in (dealer, other):
        await town.plan(customer, "2026-03", 100, "expense-budgets")
        await town.spend(customer, 200)
    path = f"/warning-rules/sales_expense/overrides/customer/{other}"
    await town.call("PUT", path, {"settings": {"hold_on": []}})
    await town.evaluate(dealer, other)
    assert (await town.standing(dealer))[0] == "hold"
    assert (await town.standing(other))[0] == "allow"


async def test_they_are_listed_page_by_page(town, dealer):
    await put(town, "grade", "A", 80)
    await put(town, "grade", "B", 85)
    await put(town, "customer", dealer, 90)
    path, pages = "/v1/warning-rules/credit/overrides", []
    cursor: dict[str, str] = {}
    while True:
        page = (await town.client.get(path, params={"limit": 2, **cursor})).json()
        pages.append([(one["by"], one["key"], one["settings"]["notice_percent"]) for one in page["data"]])
        if not page["has_more"]:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert pages == [[("customer", dealer, 90), ("grade", "A", 80)], [("grade", "B", 85)]]
    assert len((await town.client.get(path, params={"by": "grade"})).json()["data"]) == 2
    assert (await town.call("GET", "/warning-rules/loss/overrides"))["data"] == []
    one = await town.call("GET", "/warning-rules/credit/overrides/grade/B")
    assert (one["version"], one["priority"], one["settings"]["critical_percent"]) == (1, 0, 110)


@pytest.mark.parametrize(
    ("by", "key", "status"),
    [("customer", NOBODY, 404), ("segment", NOBODY, 404), ("segment", "A", 422),
     ("customer", "A", 422), ("shop", "A", 422)],
)  # fmt: skip
async def test_only_who_is_there_has_a_rule(town, by, key, status):
    await put(town, by, key, 80, status)


async def test_a_changed_grade_is_judged_moments_later(town, dealer):
    await town.watch()
    await town.watch()
    await put(town, "grade", "A", 80)
    await graded(town, dealer, "A")
    record = await town.client.get(f"/v1/customers/{dealer}")
    headers = {"If-Match": record.headers["etag"]}
    assert (await town.client.patch(f"/v1/customers/{dealer}", json={"language": "zh"}, headers=headers)).is_success
    await town.watch()
    assert [one["evidence"]["rule"]["by"] for one in await town.warnings()] == ["grade"]
