"""Opportunities, told through the API with a clock."""

from datetime import date

import pytest

from app.core.settings import LANGUAGES
from app.early_warning.opportunities.rules import KINDS
from app.early_warning.opportunities.sentences import ACTION, VARIANTS, WORDS, suggestion
from tests.early_warning.chances import brief, customer_of, judge, listed, rule

OPPORTUNITIES = (
    "opportunity.opened", "opportunity.changed", "opportunity.taken", "opportunity.dismissed", "opportunity.expired",
)  # fmt: skip


async def test_a_voided_return_of_somebody_who_was_erased_opens_nothing(town):
    await rule(town, "cumulative_spend", amounts=[10_000], keep_days=10)
    customer = await customer_of(town, "Mrs Zhou", account_manager="emp-7", home_store="S1")
    returned = await town.sell(customer, 1_000, kind="return")
    await town.sell(customer, 10_500)
    assert await listed(town) == []
    (await town.client.post("/v1/erasures", json={"customer_id": customer, "reason": "request"})).raise_for_status()
    start = await town.here()
    await town.call("POST", f"/receipts/{returned['id']}/void")
    assert await listed(town) == []
    assert await town.events(start, *OPPORTUNITIES) == []


async def test_an_amount_is_reached_with_the_receipt_that_does_it(town):
    start = await town.here()
    await rule(town, "cumulative_spend", amounts=[10_000, 50_000], keep_days=10)
    customer = await customer_of(town, "Mrs Zhou", account_manager="emp-7", home_store="S1")
    await town.sell(customer, 9_999)
    assert await listed(town, kind="cumulative_spend") == []
    await town.sell(customer, 1)
    found = (await listed(town, kind="cumulative_spend"))[0]
    assert found["sentence"] == "Has bought for 100.00 CNY or more in all, since 2026-03-02."
    assert found["evidence"] == {"amount": 10_000, "net": 10_000, "reached_on": "2026-03-02"}
    assert (found["value"], found["owner"], found["store"], found["expires_on"]) == (
        10_000, "emp-7", "S1", "2026-03-12",
    )  # fmt: skip

    # Nothing new until the next amount, which takes its place.
    await town.sell(customer, 5_000)
    assert [one["version"] for one in await listed(town)] == [1]
    await town.sell(customer, 40_000)
    higher = (await listed(town, kind="cumulative_spend"))[0]
    assert (higher["id"], higher["version"], higher["value"]) == (found["id"], 2, 50_000)

    taken = await town.call("POST", f"/opportunities/{found['id']}/take", {"owner": "emp-9", "outcome": "contacted"})
    assert (taken["status"], taken["owner"], taken["outcome"], "suggestion" in taken) == (
        "taken", "emp-9", "contacted", False,
    )  # fmt: skip
    # The same amount is not told of again, whatever is given back and bought.
    assert await judge(town, customer, kinds=["cumulative_spend"]) == {}
    last = await town.sell(customer, 10_000)
    await town.call("POST", f"/receipts/{last['id']}/void", {})
    assert brief(await listed(town, kind="cumulative_spend", status="all")) == [
        ("cumulative_spend", "taken", "contacted")
    ]
    assert await town.events(start, *OPPORTUNITIES) == [
        ("opportunity.opened", {"customer_id": customer, "status": "open"}),
        ("opportunity.changed", {"customer_id": customer, "status": "open"}),
        ("opportunity.taken", {"customer_id": customer, "status": "taken", "outcome": "contacted"}),
    ]


async def test_an_amount_that_is_no_longer_reached_may_be_reached_again(town):
    await rule(town, "cumulative_spend", amounts=[10_000], keep_days=10)
    customer = await town.customer("Mr Li")
    sold = await town.sell(customer, 12_000)
    assert brief(await listed(town, kind="cumulative_spend")) == [("cumulative_spend", "open", None)]
    await town.call("POST", f"/receipts/{sold['id']}/void", {})
    assert brief(await listed(town, kind="cumulative_spend", status="all")) == [
        ("cumulative_spend", "expired", "cause_gone")
    ]
    town.pass_a_minute()
    await town.sell(customer, 11_000)
    assert brief(await listed(town, kind="cumulative_spend", status="all")) == [
        ("cumulative_spend", "open", None), ("cumulative_spend", "expired", "cause_gone"),
    ]  # fmt: skip
    town.pass_days(11)
    assert await judge(town, customer, kinds=["cumulative_spend"]) == {"expired": 1}
    assert brief(await listed(town, kind="cumulative_spend", status="expired"))[0] == (
        "cumulative_spend", "expired", "lapsed",
    )  # fmt: skip


async def test_a_batch_and_a_receipt_of_nobody_yet_reach_amounts_too(town):
    await rule(town, "cumulative_spend", amounts=[10_000])
    one, other = await town.customer("One"), await town.customer("Other")
    pushed = [town.sale(one, 6_000), town.sale(other, 6_000), town.sale(one, 6_000)]
    answer = await town.call("POST", "/receipts/batch", {"items": pushed})
    assert [result["status"] for result in answer["results"]] == ["created"] * 3
    assert [found["customer_id"] for found in await listed(town, kind="cumulative_spend")] == [one]
    nobody = await town.sell(None, 6_000)
    await town.call("POST", f"/receipts/{nobody['id']}/attribution", {"customer": {"id": other}})
    assert {found["customer_id"] for found in await listed(town, kind="cumulative_spend")} == {one, other}


async def test_a_receipt_that_comes_years_late_reaches_nothing(town):
    await rule(town, "cumulative_spend", amounts=[10_000], keep_days=30)
    customer = await town.customer("Mr Li")
    today = town.day
    late = {**town.sale(customer, 20_000), "business_date": date(2024, 3, 2).isoformat()}
    await town.call("POST", "/receipts", {**late, "occurred_at": "2024-03-02T12:00:00+08:00"})
    assert town.day == today
    assert await listed(town, kind="cumulative_spend", status="all") == []


@pytest.mark.parametrize(
    ("born", "today", "day"),
    [
        ({"month": 3, "day": 9, "year": 1980}, date(2026, 3, 2), "2026-03-09"),
        ({"month": 2, "day": 29, "year": 1980}, date(2026, 2, 21), "2026-02-28"),
        ({"month": 2, "day": 29, "year": None}, date(2028, 2, 25), "2028-02-29"),
        ({"month": 1, "day": 2, "year": 1980}, date(2026, 12, 28), "2027-01-02"),
    ],
)
async def test_a_birthday_is_near_and_passes(town, born, today, day):
    customer = await town.customer("Mr Wu", birthday=born)
    town.go_to(today)
    assert await judge(town, customer, kinds=["birthday"]) == {"opened": 1}
    assert await judge(town, customer, kinds=["birthday"]) == {}
    found = (await listed(town, kind="birthday"))[0]
    assert (found["sentence"], found["expires_on"], found["about"]) == (f"Has a birthday on {day}.", day, "customer")
    dismissed = await town.call(
        "POST", f"/opportunities/{found['id']}/dismiss", {"reason": "not_wanted", "note": "Keeps it to himself"}
    )
    assert (dismissed["status"], dismissed["outcome"]) == ("dismissed", "not_wanted")
    assert await judge(town, customer, kinds=["birthday"]) == {}
    # Next year it is another one.
    town.go_to(date.fromisoformat(day).replace(year=int(day[:4]) + 1, day=min(28, int(day[-2:]))))
    assert await judge(town, customer, kinds=["birthday"]) == {"opened": 1}


async def test_key_people_have_birthdays_too(town):
    customer = await town.customer("Nan Ming", kind="business")
    person = await town.call(
        "POST",
        f"/customers/{customer}/contacts",
        {"name": "Mr He", "role": "buyer", "birthday": {"month": 3, "day": 5}},
    )
    await judge(town, customer, kinds=["birthday"])
    found = (await listed(town, kind="birthday"))[0]
    assert (found["about"], found["sentence"]) == (person["id"], "A key person has a birthday on 2026-03-05.")
    korean = await town.call("GET", f"/opportunities/{found['id']}?language=ko")
    assert korean["sentence"] == "주요 담당자 한 분의 생일이 2026년 3월 5일입니다."
    # The day passes.
    town.pass_days(10)
    assert await judge(town, customer, kinds=["birthday"]) == {"expired": 1}
    assert brief(await listed(town, status="expired")) == [("birthday", "expired", "lapsed")]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_for_every_kind(language):
    words = WORDS[language]
    assert set(words.sentences) == {*KINDS, *VARIANTS}
    assert set(words.actions) == set(ACTION.values())
    texts = [*words.sentences.values(), *words.actions.values(), *words.channels.values(), words.by, words.in_person]
    assert {any(ord(letter) > 0x2E80 for letter in text) for text in texts} == {language != "en"}
    assert words.channels.keys() == WORDS["en"].channels.keys()


async def test_every_route_answers_in_the_language_of_the_caller(town, client, monkeypatch):
    customer = await town.customer("New")
    await town.sell(customer)
    await judge(town, customer)
    chinese, korean = {"Accept-Language": "zh-CN,zh;q=0.9"}, {"Accept-Language": "ko"}
    said = {"en": "Bought for the first time on 2026-03-02.", "zh": "2026 年 3 月 2 日首次购买。",
            "ko": "2026년 3월 2일에 처음 구매했습니다."}  # fmt: skip
    one = (await client.get("/v1/opportunities", headers=chinese)).json()["data"][0]
    assert (one["sentence"], one["suggestion"]["text"]) == (
        said["zh"], suggestion("welcome", one["suggestion"]["channel"], "zh"),
    )  # fmt: skip
    asked = await client.get("/v1/opportunities", params={"language": "ko"}, headers=chinese)
    assert asked.json()["data"][0]["sentence"] == said["ko"]
    path = f"/v1/opportunities/{one['id']}"
    assert (await client.get(path, headers=korean)).json()["sentence"] == said["ko"]
    assert (await client.get(path)).json()["sentence"] == said["en"]
    assert (await client.get(path, params={"language": "fr"})).status_code == 422
    card = (await client.get(f"/v1/customers/{customer}/card", headers=chinese)).json()
    assert card["opportunities"] == [one]
    assert (await client.post(f"{path}/take", headers=korean)).json()["sentence"] == said["ko"]
    town.go_to(date(2027, 2, 27))
    await judge(town, customer)
    (other,) = (await client.get("/v1/opportunities", headers=chinese)).json()["data"]
    assert other["sentence"] == "到 2027 年 3 月 2 日已成为顾客1年。"
    monkeypatch.setattr(town.services.settings.company, "language", "ko")
    left = await client.post(f"/v1/opportunities/{other['id']}/dismiss", json={"reason": "not_wanted"})
    assert left.json()["sentence"] == "2027년 3월 2일이면 거래한 지 1년이 됩니다."


async def test_a_newcomer_is_welcomed_and_thanked_after_a_year(town):
    customer = await town.customer("New")
    await town.sell(customer)
    assert await judge(town, customer) == {"opened": 1}
    welcome = (await listed(town))[0]
    assert (welcome["kind"], welcome["expires_on"]) == ("welcome", "2026-03-16")
    await town.call("POST", f"/opportunities/{welcome['id']}/take", {})
    town.go_to(date(2027, 2, 27))
    assert await judge(town, customer) == {"opened": 1}
    thanked = (await listed(town))[0]
    assert (thanked["kind"], thanked["evidence"]) == (
        "anniversary", {"day": "2027-03-02", "since": "2026-03-02", "years": 1},
    )  # fmt: skip
    assert thanked["sentence"] == "Has been buying for 1 year on 2027-03-02."
    # The second year is none of those that are told of.
    town.go_to(date(2028, 3, 1))
    assert await judge(town, customer) == {"expired": 1}


async def test_a_product_is_due_again_by_its_own_days_and_by_the_customers_rhythm(town):
    await town.call("PUT", "/products/FILTER", {"name": "Filter", "replaces_after_days": 90})
    customer = await town.customer("Mr Lin")

    async def buy():
        sold = town.sale(customer, 2_500)
        sold["lines"][0]["product"] = "FILTER"
        return await town.call("POST", "/receipts", sold)

    await buy()
    town.pass_days(82)
    assert await judge(town, customer, kinds=["due_to_rebuy"]) == {}
    town.pass_days(1)
    assert await judge(town, customer, kinds=["due_to_rebuy"]) == {"opened": 1}
    found = (await listed(town, kind="due_to_rebuy"))[0]
    assert found["evidence"] == {
        "product": "FILTER", "name": "Filter", "last_on": "2026-03-02", "due_on": "2026-05-31", "gap_days": 90,
        "times": 1, "basis": "product",
    }  # fmt: skip
    assert (found["value"], found["about"], found["expires_on"]) == (2_500, "FILTER", "2026-06-30")
    assert found["sentence"] == "Bought Filter (FILTER) last on 2026-03-02: due again about 2026-05-31."
    # Bought again: what was due is done.
    await buy()
    assert await judge(town, customer, kinds=["due_to_rebuy"]) == {"expired": 1}
    town.pass_days(40)
    await buy()
    # Twice after 83 and 40 days: 61.5 of the customer's own, 90 of the product.
    town.pass_days(67)
    assert await judge(town, customer, kinds=["due_to_rebuy"]) == {"opened": 1}
    found = (await listed(town, kind="due_to_rebuy"))[0]
    assert (found["evidence"]["gap_days"], found["evidence"]["basis"]) == (74, "product_and_customer")


async def test_a_key_customer_of_whom_nothing_is_heard(town):
    await rule(town, "key_customer_silent", days=30)
    key = await customer_of(town, "Key", sponsor="chief")
    other = await town.customer("Other")
    town.pass_days(29)
    assert await judge(town, key, other) == {}
    town.pass_days(1)
    assert await judge(town, key, other) == {"opened": 1}
    found = (await listed(town))[0]
    assert (found["customer_id"], found["kind"], found["expires_on"]) == (key, "key_customer_silent", None)
    assert found["sentence"] == "A key customer of whom nothing was heard since 2026-03-02."
    talk = {"channel": "phone", "direction": "inbound", "occurred_at": "2026-04-01T10:00:00+08:00"}
    await town.call("POST", f"/customers/{key}/interactions", talk)
    assert await judge(town, key) == {"expired": 1}
    assert brief(await listed(town, status="expired")) == [("key_customer_silent", "expired", "cause_gone")]


async def test_a_contact_is_due_and_made(town):
    customer = await town.customer("Mr Sun")
    await town.call("PUT", f"/customers/{customer}/contact-policy", {"wanted_days": 14, "do_not_call": True})
    assert await judge(town, customer) == {"opened": 1}
    found = (await listed(town))[0]
    assert (found["kind"], found["evidence"]) == ("contact_due", {"due_on": "2026-03-02", "wanted_days": 14})
    made = {"channel": "visit", "direction": "outbound", "occurred_at": "2026-03-02T10:00:00+08:00"}
    await town.call("POST", f"/customers/{customer}/interactions", made)
    assert await judge(town, customer) == {"expired": 1}
    town.pass_days(14)
    assert await judge(town, customer) == {"opened": 1}
    assert (await listed(town))[0]["evidence"] == {
        "due_on": "2026-03-16", "last_on": "2026-03-02", "wanted_days": 14,
    }  # fmt: skip


async def test_a_promise_falls_due_and_is_kept(town):
    customer = await customer_of(town, "Mr Tan", account_manager="emp-1")
    body = {"promise": "A better price", "due_at": "2026-03-05T10:00:00+08:00", "owner": "emp-2"}
    promise = await town.call("POST", f"/customers/{customer}/promises", body)
    town.pass_days(1)
    assert await judge(town, customer) == {}
    town.pass_days(1)
    assert await judge(town, customer) == {"opened": 1}
    found = (await listed(town, owner="emp-2"))[0]
    assert (found["kind"], found["about"], found["priority"]) == ("promise_due", promise["id"], 4)
    assert found["suggestion"] == {
        "action": "keep_promise", "purpose": "service", "channel": "phone", "refused": {},
        "text": "Keep the promise, and tell the customer. May be reached by phone.",
    }  # fmt: skip
    assert await listed(town, owner="emp-1") == []
    await town.call("POST", f"/customers/{customer}/promises/{promise['id']}/keep", {})
    assert await judge(town, customer) == {"expired": 1}


async def test_nobody_is_to_be_called_who_may_not_be(town):
    customer = await town.customer("Mr Qian")
    await town.sell(customer)
    await judge(town, customer)

    async def suggested():
        return (await listed(town))[0]["suggestion"]

    found = await suggested()
    assert (found["action"], found["channel"], found["refused"]["phone"]) == ("welcome", None, "no_consent")
    assert found["text"].endswith("which the customer has not allowed: at the next visit to a store.")
    for channel in ("phone", "sms"):
        await town.call(
            "POST", f"/customers/{customer}/consents",
            {"purpose": "marketing", "channel": channel, "state": "granted", "source": "form"},
        )  # fmt: skip
    assert (await suggested())["channel"] == "phone"
    await town.call("PUT", f"/customers/{customer}/contact-policy", {"do_not_call": True})
    found = await suggested()
    assert (found["channel"], found["refused"]["phone"]) == ("sms", "do_not_contact")
    card = await town.call("GET", f"/customers/{customer}/card")
    assert card["opportunities"] == await listed(town)


async def test_lists_counts_and_decisions_of_many(town):
    customers = [await customer_of(town, f"C{place}", account_manager=f"emp-{place % 2}") for place in range(4)]
    for customer in customers:
        await town.sell(customer)
    assert await judge(town, *customers) == {"opened": 4}
    counted = await town.call("GET", "/opportunities/counts")
    assert (counted["total"], counted["kinds"]) == (4, [{"kind": "welcome", "count": 4}])
    assert counted["owners"] == [{"owner": "emp-0", "count": 2}, {"owner": "emp-1", "count": 2}]
    assert counted["stores"] == [{"store": None, "count": 4}]
    found = await listed(town)
    assert found == await listed(town, limit=2) + (await _second_page(town))
    assert {one["customer_id"] for one in await listed(town, owner="emp-1")} == set(customers[1::2])
    ids = [one["id"] for one in found]
    items = [
        {"id": ids[0], "action": "take", "outcome": "sold"},
        {"id": ids[1], "action": "dismiss", "reason": "no_time"},
        {"id": ids[1], "action": "take"},
        {"id": ids[2], "action": "dismiss"},
        {"id": ids[3], "action": "take", "reason": "wrong"},
        {"id": "018cc251-f400-7a3e-8d51-7b0c46a1f2e9", "action": "take"},
        {"id": ids[0], "action": "take", "note": "Twice"},
    ]
    answer = await town.call("POST", "/opportunities/batch", {"items": items})
    said = [result["problem"]["code"] if "problem" in result else result["status"] for result in answer["results"]]
    assert said == [
        "updated",
        "updated",
        "opportunity_closed",
        "invalid_input",
        "invalid_input",
        "not_found",
        "updated",
    ]
    taken = (await listed(town, status="taken"))[0]
    assert (taken["id"], taken["outcome"], taken["note"]) == (ids[0], "sold", "Twice")
    assert [one["id"] for one in await listed(town, status="dismissed")] == [ids[1]]
    closed = await town.call("POST", f"/opportunities/{ids[1]}/take", {}, status=409)
    assert closed["code"] == "opportunity_closed"


async def _second_page(town):
    first = await town.client.get("/v1/opportunities", params={"limit": 2})
    second = await town.client.get("/v1/opportunities", params={"limit": 2, "cursor": first.json()["next_cursor"]})
    assert not second.json()["has_more"]
    return second.json()["data"]


async def test_what_a_kind_tells_is_for_those_who_may_see_it(town, clients):
    await rule(town, "cumulative_spend", amounts=[1_000])
    customer = await town.customer("Mr Ou", birthday={"month": 3, "day": 4})
    await town.sell(customer)
    await judge(town, customer)
    seen = {}
    for role in ("call_center", "analyst"):
        answer = await clients[role].get("/v1/opportunities")
        seen[role] = {one["kind"] for one in answer.json()["data"]}
        card = await clients[role].get(f"/v1/customers/{customer}/card")
        assert {one["kind"] for one in card.json()["opportunities"]} == seen[role]
        counts = await clients[role].get("/v1/opportunities/counts")
        assert counts.json()["total"] == len(seen[role])
    assert seen["call_center"] == {"cumulative_spend", "birthday", "welcome"}
    assert seen["analyst"] == {"cumulative_spend", "welcome"}
    hidden = (await listed(town, kind="birthday"))[0]
    assert (await clients["analyst"].get(f"/v1/opportunities/{hidden['id']}")).status_code == 404


async def test_rules_are_set_and_what_a_kind_has_not_is_refused(town):
    usual = await town.call("GET", "/opportunity-rules/birthday")
    assert (usual["settings"], usual["version"]) == ({"enabled": True, "priority": 2, "days_before": 7}, 0)
    assert len((await town.call("GET", "/opportunity-rules"))["data"]) == len(KINDS) == 10
    kept = await rule(town, "anniversary", years=[2, 3])
    assert (kept["settings"]["years"], kept["version"]) == ([2, 3], 1)
    refused = await town.call("PUT", "/opportunity-rules/birthday", {"amounts": [1]}, status=422)
    assert refused["errors"][0]["pointer"] == "/amounts"
    refused = await town.call("PUT", "/opportunity-rules/cumulative_spend", {"amounts": [2, 1]}, status=422)
    assert refused["errors"][0]["code"] == "not_in_order"
    customer = await town.customer("Mr Pan", birthday={"month": 3, "day": 4})
    assert await judge(town, customer) == {"opened": 1}
    await rule(town, "birthday", enabled=False)
    assert await judge(town, customer) == {"expired": 1}
