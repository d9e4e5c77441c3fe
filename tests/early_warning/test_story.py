"""The stories that the warnings were made for, through the API, with a clock."""

WARNINGS = ("warning.opened", "warning.changed", "warning.resolved", "warning.escalated", "warning.commented")


async def test_a_dealer_passes_the_limit_is_warned_once_pays_and_is_cleared(town):
    start = await town.here()
    dealer = await town.customer("Nan Ming Tea House", kind="business")
    await town.credit(dealer, limit=100_000, term_days=30)

    await town.sell(dealer, 60_000, on_account=True)
    assert await town.warnings() == []
    assert (await town.call("GET", f"/customers/{dealer}/credit"))["available"] == 40_000
    assert (await town.call("GET", f"/customers/{dealer}/standing"))["standing"] == "allow"

    town.pass_days(1)
    await town.sell(dealer, 45_000, on_account=True)
    warning = (await town.warnings())[0]
    assert (warning["kind"], warning["about"], warning["state"], warning["severity"], warning["status"]) == (
        "credit", "limit", "over_limit", "warning", "open",
    )  # fmt: skip
    assert warning["sentence"] == "Owes 1,050.00 CNY, 50.00 CNY above the limit."
    assert warning["evidence"] == {
        "balance": 105_000, "limit": 100_000, "currency": "CNY", "rule": {"by": "default"},
    }  # fmt: skip
    standing = await town.call("GET", f"/customers/{dealer}/standing")
    assert standing["standing"] == "review"
    assert [reason["code"] for reason in standing["reasons"]] == ["over_limit"]

    # More of the same is no news.
    await town.sell(dealer, 1_000, on_account=True)
    assert len(await town.warnings()) == 1
    assert len(await town.events(start, *WARNINGS)) == 1

    # Worse is.
    taken = await town.call("POST", f"/warnings/{warning['id']}/acknowledge", {"owner": "emp-7"})
    assert (taken["status"], taken["owner"]) == ("acknowledged", "emp-7")
    await town.sell(dealer, 20_000, on_account=True)
    worse = (await town.warnings())[0]
    assert (worse["id"], worse["state"], worse["severity"], worse["status"], worse["owner"]) == (
        warning["id"], "far_over_limit", "critical", "open", "emp-7",
    )  # fmt: skip

    town.pass_days(10)
    await town.pay(dealer, 60_000)
    assert await town.warnings() == []
    cleared = (await town.warnings(status="resolved"))[0]
    assert (cleared["id"], cleared["resolved_by"]) == (warning["id"], None)
    assert cleared["resolution"]["outcome"] == "cause_gone"
    assert (await town.call("GET", f"/customers/{dealer}/standing"))["standing"] == "allow"
    told = [(kind, data["state"], data["status"]) for kind, data in await town.events(start, *WARNINGS)]
    assert told == [
        ("warning.opened", "over_limit", "open"),
        ("warning.changed", "over_limit", "acknowledged"),
        ("warning.changed", "far_over_limit", "open"),
        ("warning.resolved", "far_over_limit", "resolved"),
    ]
    history = (await town.call("GET", f"/warnings/{warning['id']}"))["history"]
    assert [step["action"] for step in history] == ["opened", "acknowledged", "changed", "resolved"]


async def test_a_regular_stops_coming_is_late_at_risk_lost_and_returns(town):
    start = await town.here()
    regular = await town.customer("Mrs Zhou")
    for _ in range(12):
        await town.sell(regular)
        town.pass_days(7)

    states = {}
    for silent in range(7, 120):
        done = await town.evaluate(regular)
        found = await town.warnings(kind="loss")
        state = found[0]["state"] if found else None
        if done:
            states[state] = silent
            assert len(found) == 1
        town.pass_days(1)
    assert list(states) == ["late", "at_risk", "lost"]
    assert 14 < states["late"] < states["at_risk"] < states["lost"] < 100

    lost = (await town.warnings(kind="loss"))[0]
    assert lost["severity"] == "critical"
    assert lost["sentence"].startswith(
        f"Usually back within {lost['evidence']['usual_days']} days, now 120: probably gone"
    )
    assert lost["evidence"]["rhythm_of"] == "parent"

    await town.sell(regular)
    assert await town.warnings(kind="loss") == []
    back = (await town.warnings(kind="loss", status="resolved"))[0]
    assert (back["id"], back["resolution"]["outcome"], back["resolved_by"]) == (lost["id"], "cause_gone", None)
    told = [(kind, data["state"]) for kind, data in await town.events(start, *WARNINGS)]
    assert told == [
        ("warning.opened", "late"),
        ("warning.changed", "at_risk"),
        ("warning.changed", "lost"),
        ("warning.resolved", "lost"),
    ]

    # A new silence within the cooling time is told of in the same place.
    await town.sell(regular)
    town.pass_days(29)
    assert await town.evaluate(regular) == {}
    town.pass_days(40)
    assert await town.evaluate(regular) == {"opened": 1}


async def test_a_dealer_passes_the_limit_promises_to_pay_breaks_the_promise_and_then_pays(town):
    start = await town.here()
    dealer = await town.customer("Nan Ming Tea House", kind="business")
    await town.credit(dealer, limit=100_000, term_days=90)
    await town.sell(dealer, 105_000, on_account=True)
    (warning,) = await town.warnings()

    town.pass_hours(2)
    await town.step(warning, "investigate", owner="emp-7", note="Asking why")
    await town.step(warning, "comments", text="Waits for his own customers")
    promise = {"amount": 20_000, "due_on": "2026-03-20"}
    await town.step(warning, "resolve", outcome="promised", cause="Paid late himself", promise=promise)
    assert await town.warnings() == []

    # Two weeks pass, he pays a part, and the day of the promise.
    town.pass_days(10)
    await town.pay(dealer, 4_000)
    town.pass_days(8)
    await town.keep()
    assert await town.warnings() == []
    town.pass_days(1)
    await town.keep()
    (back,) = await town.warnings()
    assert (back["id"], back["state"], back["status"], back["owner"]) == (warning["id"], "over_limit", "open", "emp-7")
    assert back["evidence"]["promise"] == {
        "amount": 20_000, "currency": "CNY", "due_on": "2026-03-20", "state": "broken", "paid": 4_000,
    }  # fmt: skip

    # Nobody does anything for three days: it is told to whom is above, once.
    town.pass_days(4)
    for _ in range(2):
        await town.keep()
    await town.pay(dealer, 20_000)
    assert await town.warnings() == []
    ended = await town.call("GET", f"/warnings/{warning['id']}")
    assert (ended["resolution"]["outcome"], ended["resolved_by"], ended["promise"]["state"]) == (
        "cause_gone", None, "broken",
    )  # fmt: skip
    told = [(kind.removeprefix("warning."), data["action"]) for kind, data in await town.events(start, *WARNINGS)]
    assert told == [
        ("opened", "opened"),
        ("changed", "investigated"),
        ("commented", "commented"),
        ("resolved", "resolved"),
        ("opened", "reopened"),
        ("escalated", "escalated"),
        ("resolved", "resolved"),
    ]
    assert [step["action"] for step in ended["history"]] == [action for _, action in told]
