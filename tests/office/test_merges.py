"""Merging two records of one person: what differs, who wins, what the old id answers, who may do it."""

import pytest
from sqlalchemy import text

from app.assembly import PERSONS
from app.core.person import Fate


@pytest.fixture
async def two(people):
    """Two records of one person."""
    return await people.person("Mei"), await people.person("Mai")


async def merge(people, winner, loser, *, status=201, **more):
    return await people.call("POST", "/merges", {"winner": winner, "loser": loser, **more}, status=status)


async def patch(people, customer, **given):
    version = (await people.call("GET", f"/customers/{customer}"))["version"]
    answer = await people.client.patch(f"/v1/customers/{customer}", json=given, headers={"If-Match": f'"{version}"'})
    assert answer.is_success, answer.text


def conflict(made, path):
    return next(one for one in made["conflicts"] if one["path"] == path)


# --- who wins ---------------------------------------------------------------------------------------------------------


async def test_the_newer_value_counts_and_what_only_one_has_is_kept(people, two):
    one, other = two
    await patch(people, one, display_name="梅", gender="female")
    people.pass_days(1)
    await patch(people, other, display_name="王梅", language="zh", profile={"career": {"occupation": "cook"}})
    made = await merge(people, one, other)
    assert conflict(made, "display_name") == {
        "path": "display_name", "winner": "梅", "loser": "王梅", "kept": "loser", "rule": "newer",
    }  # fmt: skip
    shown = await people.call("GET", f"/customers/{one}")
    assert (shown["display_name"], shown["gender"], shown["language"]) == ("王梅", "female", "zh")
    assert shown["profile"] == {"career": {"occupation": "cook"}}
    assert len(shown["identifiers"]) == 2
    facts = (await people.call("GET", f"/customers/{one}/provenance"))["data"]
    told = {fact["path"]: fact for fact in facts}
    assert told["display_name"]["previous"] == "梅"
    assert told["career.occupation"]["collected_at"].startswith("2026-03-03")
    # It is found by the name that it has, and by no other.
    assert [hit["id"] for hit in (await people.call("GET", "/customers/search?q=王梅"))["data"]] == [one]
    await people.verified()


async def test_a_value_that_was_confirmed_later_is_newer(people, two):
    one, other = two
    await patch(people, one, gender="female")
    people.pass_days(1)
    await patch(people, other, gender="male")
    people.pass_days(1)
    await people.call("POST", f"/customers/{one}/confirm", {"paths": ["gender"]})
    assert conflict(await merge(people, one, other), "gender")["kept"] == "winner"


async def test_a_made_up_value_loses_whenever_it_was_said(people, two):
    one, other = two
    people.pass_days(1)
    await patch(people, other, display_name="test")
    found = conflict(await merge(people, one, other), "display_name")
    assert (found["kept"], found["rule"]) == ("winner", "made_up")


async def test_a_value_that_was_cleared_later_stays_cleared(people, two):
    one, other = two
    await patch(people, one, gender="female")
    await patch(people, other, gender="female")
    people.pass_days(1)
    await patch(people, one, gender=None)
    found = conflict(await merge(people, one, other), "gender")
    assert (found["winner"], found["loser"], found["rule"]) == (None, "female", "cleared_later")
    assert (await people.call("GET", f"/customers/{one}"))["gender"] is None


async def test_all_else_alike_the_fuller_record_and_then_the_winner_counts(people):
    body = {"display_name": "Mei", "gender": "female", "collected_at": "2026-01-01T10:00:00+08:00"}
    fuller = {**body, "gender": "male", "language": "ko", "source": "fair"}
    items = {"items": [body, fuller, {**body, "gender": "other"}]}
    one, other, third = (row["id"] for row in (await people.call("POST", "/customers/batch", items))["results"])
    found = conflict(await merge(people, one, other), "gender")
    assert (found["kept"], found["rule"]) == ("loser", "fuller")
    again = conflict(await merge(people, one, third), "gender")
    assert (again["kept"], again["rule"]) == ("winner", "fuller")


async def test_the_caller_decides(people, two):
    one, other = two
    people.pass_days(1)
    await patch(people, other, display_name="Later")
    found = conflict(await merge(people, one, other, choices={"display_name": "winner"}), "display_name")
    assert (found["kept"], found["rule"]) == ("winner", "chosen")
    assert (await people.call("GET", f"/customers/{one}"))["display_name"] == "Mei"


async def test_who_asked_not_to_be_called_is_not_called(people, two):
    one, other = two
    await people.call("PUT", f"/customers/{one}/contact-policy", {"do_not_call": True, "preferred_channel": "sms"})
    people.pass_days(1)
    await people.call("PUT", f"/customers/{other}/contact-policy", {"do_not_call": False, "preferred_channel": "phone"})
    assert conflict(await merge(people, one, other), "contact_policy")["kept"] == "loser"
    policy = await people.call("GET", f"/customers/{one}/contact-policy")
    assert (policy["do_not_call"], policy["preferred_channel"]) == (True, "phone")


async def test_debts_add_up_and_a_stop_stays_a_stop(people, two):
    one, other = two
    await people.credit(one, 5000)
    await people.credit(other, 9000, status="suspended")
    await people.pay(one, 700, "charge", external_id="inv-1")
    await people.pay(other, 300, "charge", external_id="inv-1")
    made = await merge(people, one, other)
    assert conflict(made, "credit")["kept"] == "winner"
    account = await people.call("GET", f"/customers/{one}/credit")
    assert (account["balance"], account["limit"], account["status"]) == (1000, 5000, "suspended")
    entries = (await people.call("GET", f"/customers/{one}/receivables"))["data"]
    assert sorted(entry["external_id"] for entry in entries) == ["inv-1", f"inv-1 ({other})"]
    await people.call("POST", f"/merges/{made['id']}/undo")
    for customer, balance, status in ((one, 700, "active"), (other, 300, "suspended")):
        account = await people.call("GET", f"/customers/{customer}/credit")
        assert (account["balance"], account["status"]) == (balance, status)
        entries = (await people.call("GET", f"/customers/{customer}/receivables"))["data"]
        assert [entry["external_id"] for entry in entries] == ["inv-1"]


async def test_an_account_that_somebody_set_up_counts_before_one_that_a_sale_made(people, two):
    one, other = two
    await people.sell(one, 500, on_account=True)
    await people.credit(other, 9000)
    made = conflict(await merge(people, one, other), "credit")
    assert (made["kept"], made["rule"]) == ("loser", "set_up")
    assert (await people.call("GET", f"/customers/{one}/credit"))["limit"] == 9000


# --- what becomes of the old id ---------------------------------------------------------------------------------------


async def test_figures_are_those_of_both_and_the_old_id_says_where_it_went(people, two):
    one, other = two
    await people.sell(one, 1000)
    await people.sell(other, 2000)
    cursor = await people.here()
    made = await merge(people, one, other, reason="She says so")
    for customer in two:
        shown = await people.call("GET", f"/customers/{customer}")
        assert (shown["id"], shown["figures"]["net"], shown["figures"]["receipts"]) == (one, 3000, 2)
    read = await people.call("POST", "/customers/read", {"ids": [other]})
    assert read["data"][0]["id"] == one
    card = (await people.call("GET", f"/customers/{other}"))["identifiers"][0]["value"]
    assert [hit["id"] for hit in (await people.call("GET", f"/customers/lookup?card={card}"))["data"]] == [one]
    listed = (await people.call("GET", "/customers?limit=200"))["data"]
    assert [row["id"] for row in listed] == [one]
    gone = (await people.call("GET", "/customers?status=merged"))["data"]
    assert [(row["id"], row["display_name"]) for row in gone] == [(other, None)]
    ids = {"merge_id": made["id"], "winner": one, "loser": other}
    assert await people.events(cursor, "customer.merged") == [("customer.merged", ids)]
    listed = (await people.call("GET", f"/merges?customer_id={other}"))["data"]
    assert [(row["id"], row["reason"]) for row in listed] == [(made["id"], "She says so")]
    trail = (await people.call("GET", f"/audit?record_id={made['id']}"))["data"]
    assert {(entry["action"], entry["customer_id"]) for entry in trail} == {
        ("merge.create", one),
        ("merge.create", other),
    }


async def test_a_receipt_for_the_old_id_is_the_winners(people, two):
    one, other = two
    made = await merge(people, one, other)
    assert (await people.sell(other, 1500))["customer_id"] == one
    await people.call("POST", f"/merges/{made['id']}/undo")
    assert (await people.call("GET", f"/customers/{one}"))["figures"]["net"] == 1500
    assert (await people.call("GET", f"/customers/{other}"))["figures"]["receipts"] == 0


async def test_what_is_moved_is_counted(people, two):
    one, other = two
    for _ in range(3):
        await people.sell(other)
    await people.add("complaints", of=other)
    made = await merge(people, one, other)
    assert {name: made["moved"][name] for name in ("receipts", "complaints", "identifiers")} == {
        "receipts": 3, "complaints": 1, "identifiers": 1,
    }  # fmt: skip
    assert (await people.call("GET", f"/merges/{made['id']}")) == made
    undone = await people.call("POST", f"/merges/{made['id']}/undo")
    assert (undone["moved"], undone["status"]) == (made["moved"], "undone")
    again = await people.call("POST", f"/merges/{made['id']}/undo", status=409)
    assert again["code"] == "merge_undone"


async def test_a_dry_run_shows_all_and_keeps_nothing(people, two):
    one, other = two
    await people.sell(other)
    before = await people.held(*two)
    cursor = await people.here()
    shown = await merge(people, one, other, dry_run=True, status=200)
    assert await people.held(*two) == before
    assert await people.told(cursor) == []
    assert (await people.call("GET", "/merges"))["data"] == []
    made = await merge(people, one, other)
    same = ("winner", "loser", "conflicts", "moved")
    assert (shown["status"], shown["id"], made["status"]) == ("dry_run", None, "done")
    assert [shown[name] for name in same] == [made[name] for name in same]


# --- what is refused --------------------------------------------------------------------------------------------------


async def test_what_cannot_be_merged(people, client, two):
    one, _ = two
    business = (await people.call("POST", "/customers", {"kind": "business", "display_name": "B"}))["id"]
    await people.sell(None)
    walk_in = (await people.call("GET", "/customers?kind=walk_in"))["data"][0]["id"]
    absent = "0199d3a1-7c52-7b6e-9a41-000000000000"
    for loser, status, code in (
        (one, 422, "same_customer"), (business, 409, "different_kinds"), (walk_in, 422, "unknown_customer"),
        (absent, 422, "unknown_customer"),
    ):  # fmt: skip
        found = await merge(people, one, loser, status=status)
        assert code in {found["code"], *(error["code"] for error in found.get("errors", []))}, found
    wrong = await merge(people, one, business, choices={"nonsense": "winner"}, status=422)
    assert wrong["errors"][0]["pointer"] == "/choices/nonsense"


async def test_who_is_merged_is_not_merged_again(people, two):
    one, other = two
    third = await people.person("Third")
    await merge(people, one, other)
    for pair in ((third, other), (other, third)):
        found = await merge(people, *pair, status=409)
        assert (found["code"], found["merged_into"]) == ("customer_merged", one)


async def test_values_of_groups_that_are_not_granted_are_absent(people, client, house, two):
    one, other = two
    people.pass_days(1)
    await patch(people, other, gender="male", display_name="Other")
    await patch(people, one, gender="female")
    made = await merge(people, one, other)
    terms = {"name": "Narrow", "role": "admin", "field_groups": ["basic"]}
    key = (await client.post("/v1/api-keys", json=terms)).json()["key"]
    async with house.client(None) as narrow:
        narrow.headers["Authorization"] = f"Bearer {key}"
        seen = (await narrow.get(f"/v1/merges/{made['id']}")).json()
    assert "winner" in conflict(seen, "display_name")
    assert conflict(seen, "gender").keys() == {"path", "kept", "rule"}


async def test_values_need_the_group_of_their_attribute(people, client, house, two):
    one, other = two
    body = {"label": "Income", "type": "integer", "pii": "personal", "field_group": "financial"}
    (await client.put("/v1/custom-attributes/income", json=body)).raise_for_status()
    for customer, income in ((one, 10), (other, 20)):
        await patch(people, customer, source=f"fair-{income}", profile={"custom": {"income": income}})
    made = await merge(people, one, other)
    seen = {}
    for groups in (["basic"], ["basic", "personal"], ["basic", "financial"]):
        terms = {"name": "Narrow", "role": "admin", "field_groups": groups}
        key = (await client.post("/v1/api-keys", json=terms)).json()["key"]
        async with house.client(None, Authorization=f"Bearer {key}") as narrow:
            shown = (await narrow.get(f"/v1/merges/{made['id']}")).json()
        seen[groups[-1]] = {path for path in ("source", "custom.income") if "winner" in conflict(shown, path)}
    assert seen == {"basic": set(), "personal": {"source"}, "financial": {"custom.income"}}


@pytest.mark.parametrize("later", ["sold", "reserved", "nothing"])
async def test_an_account_that_came_with_the_merge_goes_with_it(people, client, two, later):
    one, other = two
    terms = await people.credit(other, 90_000, term_days=10)
    made = await merge(people, one, other)
    assert (await people.call("GET", f"/customers/{one}/credit"))["limit"] == 90_000
    if later == "sold":
        await people.sell(one, 100, on_account=True)
    elif later == "reserved":
        reserved = await people.call("POST", "/credit-authorisations", {"customer_id": one, "amount": 100}, status=201)
        await people.call("POST", f"/credit-authorisations/{reserved['id']}/release", {})
    await people.call("POST", f"/merges/{made['id']}/undo", {})
    account = await client.get(f"/v1/customers/{one}/credit")
    if later == "nothing":
        assert (account.status_code, account.json()["code"]) == (404, "not_found")
    else:
        found = account.json()
        assert (found["limit"], found["term_days"], found["balance"]) == (0, 0, 100 * (later == "sold"))
    back = await people.call("GET", f"/customers/{other}/credit")
    assert (back["limit"], back["term_days"]) == (terms["limit"], 10)
    await people.verified()


async def test_a_promise_goes_back_without_the_winners_complaint(people, client, two):
    one, other = two
    promised = {"promise": "Soon", "due_at": "2026-03-09T00:00:00Z"}
    promise = await people.call("POST", f"/customers/{other}/promises", promised)
    made = await merge(people, one, other)
    complaint = await people.call(
        "POST", f"/customers/{one}/complaints", {"about": "delivery", "severity": "minor", "subject": "Late"}
    )
    path = f"/v1/customers/{one}/promises/{promise['id']}"
    linked = await client.patch(path, json={"complaint_id": complaint["id"]}, headers={"If-Match": '"1"'})
    assert linked.status_code == 200, linked.text
    undone = await people.call("POST", f"/merges/{made['id']}/undo", {})
    assert "promises" in undone["not_restored"]
    back = await people.call("GET", f"/customers/{other}/promises/{promise['id']}")
    assert back["complaint_id"] is None


async def test_a_contact_goes_back_with_what_tells_of_it(people, two):
    one, other = two
    gift = {"kind": "gift", "occasion": "birthday", "what": "Tea", "planned_for": "2026-03-02", "channel": "visit"}
    care = await people.call("POST", f"/customers/{other}/care", gift)
    made = await merge(people, one, other)
    await people.call("POST", f"/customers/{one}/care/{care['id']}/complete", {})
    await people.call("POST", f"/merges/{made['id']}/undo", {})
    held = {who: (await people.held(who))["contact_log"] for who in two}
    assert [len(held[one]), len(held[other])] == [0, 1]
    assert care["id"] in held[other][0]


async def test_one_key_one_merge(people, client, two):
    one, other = two
    headers = {"Idempotency-Key": "merge-1"}
    body = {"winner": one, "loser": other}
    first, again = [await client.post("/v1/merges", json=body, headers=headers) for _ in range(2)]
    assert (first.status_code, again.json()) == (201, first.json())


# --- what every room owes ---------------------------------------------------------------------------------------------


async def test_every_table_with_a_customer_is_some_rooms(people):
    columns = "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = "
    partitions = "AND table_name NOT IN (SELECT relname FROM pg_class WHERE relispartition)"
    rows = await people.services.db.run(lambda tx: tx.rows(text(f"{columns}'customer_id' {partitions}")))
    owned = [holding.name for person in PERSONS for holding in person.HOLDINGS]
    assert len(owned) == len(set(owned))
    # The proof of an erasure is about the id.
    assert {row[0] for row in rows} == set(owned) - {"customers"} | {"erasures"}
    # A table is its room's, and not another's.
    for person in PERSONS:
        room = str(getattr(person, "__name__", "")).rpartition(".")[0]
        assert all(holding.model.__module__.startswith(f"{room}.") for holding in person.HOLDINGS)


async def test_the_cost_does_not_grow_with_the_history(people, two, statements):
    one, other = two
    for number in range(12):
        await people.sell(other, 1000 + number)
    with statements() as few:
        made = await merge(people, one, other)
    await people.call("POST", f"/merges/{made['id']}/undo")
    for number in range(40):
        await people.sell(other, 2000 + number)
    with statements() as many:
        await merge(people, one, other)
    assert len(many) == len(few)
    moving = [holding for person in PERSONS for holding in person.HOLDINGS if holding.fate is Fate.MOVES]
    assert len(few) < 2 * len(moving) + 40
