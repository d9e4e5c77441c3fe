"""How many warnings there are, and how long they took."""

from collections import Counter


async def owing(town, name, amount, **more):
    customer = await town.customer(name, **more)
    await town.credit(customer, 1_000)
    await town.sell(customer, amount, on_account=True)
    return (await town.warnings(customer_id=customer))[0]


async def test_counts_are_those_of_the_list(town):
    await town.call("PUT", "/stores/S2", {"name": "Second", "kind": "own", "time_zone": "Asia/Shanghai"})
    made = [
        await owing(town, f"C{number}", amount, **more)
        for number, (amount, more) in enumerate(
            [(1_050, {"home_store": "S2"}), (2_000, {"home_store": "S2"}), (1_060, {"home_store": "S1"}), (1_070, {})]
        )
    ]
    await town.step(made[0], "acknowledge", owner="emp-1")
    await town.step(made[1], "snooze", until="2026-03-20T00:00:00Z")
    await town.step(made[2], "assign", owner="emp-1")
    await town.step(made[3], "resolve", outcome="paid")

    counts = await town.call("GET", "/warnings/counts")
    listed = await town.warnings(limit=200)
    assert counts["count"] == len(listed) == 3
    for name in ("status", "kind", "severity", "owner"):
        found = {one["value"]: one["count"] for one in counts[f"by_{name}"]}
        assert found == Counter(one[name] for one in listed), name
        assert [one["count"] for one in counts[f"by_{name}"]] == sorted(found.values(), reverse=True)
    assert counts["by_status"] == [
        {"value": "acknowledged", "count": 1}, {"value": "open", "count": 1}, {"value": "snoozed", "count": 1},
    ]  # fmt: skip
    assert {one["value"]: one["count"] for one in counts["by_store"]} == {"S1": 1, "S2": 2}

    for query in ("status=snoozed", "severity=critical", "owner=emp-1", "store=S2", "kind=loss", "status=resolved",
                  "due_before=2026-03-06T00:00:00Z"):  # fmt: skip
        counted = await town.call("GET", f"/warnings/counts?{query}")
        name, value = query.split("=")
        assert counted["count"] == len(await town.warnings(**{name: value})), query
    empty = await town.call("GET", "/warnings/counts?owner=nobody")
    assert empty == {"count": 0, "by_status": [], "by_kind": [], "by_severity": [], "by_owner": [], "by_store": []}


async def test_who_reaches_some_customers_counts_those(town, house):
    await owing(town, "Mine", 1_050, home_store="S1")
    await owing(town, "Others'", 1_050)
    key = await town.call(
        "POST", "/api-keys", {"name": "Store", "role": "call_center", "store": "S1", "reach": "store"}
    )
    async with house.client(None, Authorization=f"Bearer {key['key']}") as near:
        assert (await near.get("/v1/warnings/counts")).json()["count"] == 1
        times = (await near.get("/v1/warnings/times")).json()
        assert times["acknowledged"]["count"] == 0


async def test_times_are_from_when_it_was_raised_or_came_back(town):
    one, two, three = [await owing(town, f"C{number}", 1_050) for number in range(3)]
    nothing = {"count": 0, "mean_seconds": None, "median_seconds": None}
    empty = await town.call("GET", "/warnings/times")
    assert empty == {
        "first": "2026-02-01", "last": "2026-03-02", "acknowledged": nothing, "resolved": nothing,
        "cause_gone": nothing,
    }  # fmt: skip
    town.pass_hours(1)
    await town.step(one, "acknowledge")
    await town.step(one, "investigate")
    town.pass_hours(2)
    await town.step(two, "investigate")
    await town.step(one, "resolve", outcome="paid")
    await town.pay(three["customer_id"], 1_000)
    town.pass_hours(21)
    await town.step(one, "reopen")
    town.pass_hours(4)
    await town.step(one, "acknowledge")
    await town.step(one, "resolve", outcome="paid")

    times = await town.call("GET", "/warnings/times")
    hour = 3600
    assert times["acknowledged"] == {"count": 3, "mean_seconds": (1 + 3 + 4) * hour / 3, "median_seconds": 3 * hour}
    assert times["resolved"] == {"count": 2, "mean_seconds": 3.5 * hour, "median_seconds": 3.5 * hour}
    assert times["cause_gone"] == {"count": 1, "mean_seconds": 3 * hour, "median_seconds": 3 * hour}
    today = await town.call("GET", "/warnings/times?first=2026-03-03&last=2026-03-03&kind=credit&severity=warning")
    assert (today["acknowledged"]["count"], today["resolved"]["mean_seconds"]) == (1, 4 * hour)
    assert (await town.call("GET", "/warnings/times?kind=loss"))["resolved"] == nothing
    for query in ("first=2026-03-09&last=2026-03-08", "first=2020-01-01&last=2026-01-01"):
        problem = await town.call("GET", f"/warnings/times?{query}", status=422)
        assert problem["errors"][0]["pointer"] == "?last"
