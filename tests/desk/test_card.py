"""The card: what the single resources say, to whom they say it, in one question to the database."""

import random
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from app.access.roles import ROLES
from app.customers.purposes import PURPOSES
from app.desk.schemas import Card

# Everything that counts of a person but for phone, e-mail address and address.
FULL = {
    "education": {"level": "master"}, "career": {"occupation": "cook", "title": "Chef"},
    "family": {"marital_status": "married", "household_size": 2, "children": 1},
    "life": {"hobbies": ["tea"], "entertains_per_month": 1},
    "personality": {"likes": ["tea"], "attitude_to_spending": "careful"}, "social": {"memberships": ["club"]},
    "consumption": {"preferred_categories": ["tea"], "preferred_brands": ["B"], "preferred_services": ["advice"]},
    "custom": {"size": "42"},
}  # fmt: skip
STAFF = [role for role in ROLES if role != "partner"]
ALWAYS = {"customer", "wishes", "relationships", "standing"}
# Keys of unusual makings, beside those of the roles.
UNUSUAL = {
    "basic": {"role": "call_center", "field_groups": ["basic"]},
    "contact": {"role": "call_center", "field_groups": ["contact"]},
    "personal": {"role": "admin", "field_groups": ["basic", "personal"]},
    "nothing": {"role": "admin", "field_groups": []},
    "reader": {"role": "call_center", "scopes": ["customers:read", "warnings:read"]},
}


async def get(client, path, **query):
    """An answer's body, or None where the caller may not ask."""
    answer = await client.get(f"/v1{path}", params=query)
    assert answer.status_code in {200, 403}, answer.text
    return answer.json() if answer.status_code == 200 else None


async def composed(client, admin, name, customer):
    """The card as somebody would put it together from a dozen requests.

    What a key without `basic` sees of a complaint does not say whether it is open: `admin` tells.
    """
    path = f"/customers/{customer}"
    (found,) = [one for one in (await get(client, "/customers/lookup", card=name))["data"] if one["id"] == customer]
    record = await get(client, path)
    del found["match"]
    asked = (await get(client, f"{path}/completeness"))["ask_next"]
    found["ask_next"] = asked and asked["path"]
    assert {key: found[key] for key in record} == record
    card = {"customer": found, "standing": await get(client, f"{path}/standing")}
    receipts = await get(client, f"{path}/receipts", limit=5)
    warnings = await get(client, "/warnings", customer_id=customer)
    complaints = await open_ones(client, admin, f"{path}/complaints")
    if receipts is not None:
        card["receipts"] = receipts["data"]
    if warnings is not None:
        card["warnings"] = warnings["data"]
        card["opportunities"] = (await get(client, "/opportunities", customer_id=customer, limit=5))["data"]
    if complaints is not None:
        card["engagement"] = {
            "complaints": complaints,
            "promises": await open_ones(client, admin, f"{path}/promises"),
            "interactions": (await get(client, f"{path}/interactions", limit=5))["data"],
        }
    card["wishes"] = await wishes(client, path)
    related = (await get(client, f"{path}/relationships"))["data"]
    for one in related:
        if "other" in one:
            one["other_name"] = (await get(client, f"/customers/{one['other']}"))["display_name"]
    return card | {"relationships": related}


async def open_ones(client, admin, path):
    found = await get(client, path, limit=200)
    if found is None:
        return None
    whole = (await get(admin, path, limit=200))["data"]
    live = [pair for pair in zip(whole, found["data"], strict=True) if pair[0]["closed_at"] is None]
    return [shown for _, shown in sorted(live, key=lambda pair: (pair[0]["due_at"], pair[0]["id"]))]


async def wishes(client, path):
    policy = await get(client, f"{path}/contact-policy")
    decisions = (await get(client, f"{path}/consents", limit=200))["data"]
    names = ("purpose", "partner", "channel", "state", "decided_at")
    shown = [{name: one[name] for name in names} for one in decisions]
    shown.sort(key=lambda one: (one["purpose"], one["partner"] or "", one["channel"]))
    return {name: policy[name] for name in ("do_not_call", "preferred_channel")} | {"consents": shown}


async def test_it_says_what_the_single_resources_say(desk, clients, client, house):
    made = await desk.varied(12)
    callers = {role: clients[role] for role in STAFF}
    for name, more in UNUSUAL.items():
        key = (await desk.call("POST", "/api-keys", {"name": name, **more}))["key"]
        callers[name] = house.client(None, Authorization=f"Bearer {key}")
    seen: dict[str, list[dict]] = {}
    for name, caller in callers.items():
        for number, customer in enumerate(made if name == "admin" else made[:5]):
            card = await get(caller, f"/customers/{customer}/card")
            assert card == await composed(caller, client, f"C{number}", customer), (name, number)
            if "kind" in card["customer"]:
                # The wire types of some rooms know of no key without the group `basic`.
                assert known(Card.model_validate(card))
            seen.setdefault(name, []).append(card)
    for name in UNUSUAL:
        await callers[name].aclose()
    # The company is varied enough for this to mean something.
    full = seen["admin"]
    assert {one["state"] for card in full for one in card["warnings"]} >= {"far_over_limit", "overdue"}
    assert {"loss", "credit"} == {one["kind"] for card in full for one in card["warnings"]}
    flags = {flag for card in full for one in card["receipts"] for flag in one["flags"]}
    assert flags == {"unknown_original", "returned_more_than_sold"}
    assert {len(card["receipts"]) for card in full} >= {0, 5}
    assert {card["standing"]["standing"] for card in full} == {"allow", "review", "hold"}
    assert any(card["engagement"]["complaints"] for card in full) and any(card["wishes"]["consents"] for card in full)
    assert max(len(card["engagement"]["interactions"]) for card in full) == 5


async def test_it_asks_for_what_completeness_asks(desk, client, clients, house):
    """Found: the card knew of no licence that had ended, nothing stale, none of the company's own attributes."""
    chance, now = random.Random(7), datetime(2026, 1, 1, 12, tzinfo=UTC)
    own = {"label": "Size", "type": "text", "weight": 50, "field_group": "basic", "question": "What size?"}
    (await client.put("/v1/custom-attributes/size", json=own)).raise_for_status()
    rented = {"channel": "rented_list", "licence_end": "2026-03-01"}
    house.services.clock.set(now)
    items = []
    for number in range(80):
        values = {
            "display_name": chance.choice([None, "test", "Wang"]), "language": chance.choice([None, "zh"]),
            "birthday": chance.choice([None, {"month": 1, "day": 1}, {"month": 2, "day": number % 28 + 1}]),
            "gender": chance.choice([None, "female"]),
        }  # fmt: skip
        profile = {"life": {"hobbies": ["tea"]}, "custom": {"size": "42"}, "career": {"occupation": "cook"},
                   "consumption": {"preferred_categories": ["tea"]}}  # fmt: skip
        if chance.random() < 0.3:
            # Of some everything is known, so that the old is asked for.
            profile = FULL
            values = {"display_name": "Wang", "language": "zh", "gender": "male",
                      "birthday": {"month": number % 12 + 1, "day": 8}}  # fmt: skip
        else:
            profile = {name: profile[name] for name in chance.sample(sorted(profile), chance.randint(0, 4))}
        reached = [{"kind": "phone", "value": f"+8613{chance.choice(['8001380', '8888888'])}{number:02}"[:14]},
                   {"kind": "email", "value": f"a{number}@example.org"}]  # fmt: skip
        item = {
            **{name: value for name, value in values.items() if value is not None}, "profile": profile,
            "identifiers": [{"kind": "card", "value": f"A{number}"}, *reached[chance.choice([0, 0, 1, 2]):]],
            "kind": chance.choice(["person", "person", "business"]) if profile is not FULL else "person",
        }  # fmt: skip
        items.append(item | ({"provenance": rented} if chance.random() < 0.3 else {}))
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    made = [one["id"] for one in results if one["status"] == "created"]
    for customer in made[::2]:
        (await client.post(f"/v1/customers/{customer}/addresses", json={"kind": "home"})).raise_for_status()
    asks = set()
    for days in (1, 100, 1200):
        house.services.clock.set(now + timedelta(days=days))
        for number, customer in enumerate(made):
            caller = clients["analyst"] if number % 5 == 0 else client
            card = (await get(caller, f"/customers/{customer}/card"))["customer"]["ask_next"]
            told = (await get(caller, f"/customers/{customer}/completeness"))["ask_next"]
            assert card == (told and told["path"]), (days, items[number])
            asks.add(card)
    assert len(made) > 65 and len(asks) > 8, asks


async def test_it_agrees_with_whether_we_may_contact(desk, client):
    for customer in await desk.varied(6):
        told = (await get(client, f"/customers/{customer}/card"))["wishes"]
        for purpose in PURPOSES:
            asked = {"purpose": purpose, "channel": "phone"}
            reasons = (await get(client, f"/customers/{customer}/may-contact", **asked))["reasons"]
            codes = {one["code"] for one in reasons}
            assert ("do_not_contact" in codes) is told["do_not_call"]
            ours = {one["channel"]: one["state"] for one in told["consents"]
                    if one["purpose"] == purpose and one["partner"] is None}  # fmt: skip
            state = ours.get("phone") or ours.get("any")
            assert codes & {"denied", "withdrawn"} == {state} - {"granted", None}


@pytest.mark.parametrize(
    ("role", "more"),
    [
        ("pos", {"receipts"}),
        ("call_center", {"receipts", "engagement", "warnings", "opportunities"}),
        ("analyst", {"receipts", "engagement", "warnings", "opportunities"}),
        ("admin", {"receipts", "engagement", "warnings", "opportunities"}),
    ],
)
async def test_sections_of_a_role(desk, clients, role, more):
    customer = await desk.customer("Mei", identifiers=[])
    card = await get(clients[role], f"/customers/{customer}/card")
    assert card.keys() == ALWAYS | more
    assert ("identifiers" in card["customer"]) is ("contact" in ROLES[role].field_groups)
    assert ("birthday_today" in card["customer"]) is ("personal" in ROLES[role].field_groups)
    assert ("figures" in card["customer"]) is ("financial" in ROLES[role].field_groups)
    assert ("credit" in card["standing"]) is ("financial" in ROLES[role].field_groups)
    # There is no room for grades yet.
    assert "grade" not in card


async def test_a_partner_sees_nobody_without_an_agreement(desk, clients):
    customer = await desk.customer("Mei")
    partner = clients["partner"]
    for one in (customer, uuid.uuid4()):
        answer = await partner.get(f"/v1/customers/{one}/card")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_nobody_is_not_found(desk, client):
    answer = await client.get(f"/v1/customers/{uuid.uuid4()}/card")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    await desk.sell(None)
    walk_in = (await client.get("/v1/customers", params={"kind": "walk_in"})).json()["data"][0]["id"]
    assert (await client.get(f"/v1/customers/{walk_in}/card")).status_code == 404


async def test_wrong_questions_say_what_is_wrong(desk, client):
    customer = await desk.customer("Mei")
    unknown = await client.get(f"/v1/customers/{customer}/card", params={"fields": "receipts"})
    assert (unknown.status_code, unknown.json()["errors"][0]["pointer"]) == (422, "?fields")
    for value in ("x", "0", "9" * 40, "%00", "{customer_id}", "C1"):
        answer = await client.get(f"/v1/customers/{value}/card")
        assert 400 <= answer.status_code < 500
        assert answer.headers["content-type"] == "application/problem+json"


async def test_it_reads_what_was_just_acknowledged(desk, client):
    customer = await desk.customer("Mei")
    for number in range(1, 4):
        sold = await desk.sell(customer, 1000)
        card = await get(client, f"/customers/{customer}/card")
        assert (card["receipts"][0]["id"], card["customer"]["figures"]["receipts"]) == (sold["id"], number)


async def test_the_read_is_on_the_audit_trail(desk, client, house):
    customer = await desk.customer("Mei")
    await get(client, f"/customers/{customer}/card")
    await house.services.reads.flush()
    entries = (await client.get("/v1/audit", params={"customer_id": customer})).json()["data"]
    assert [entry["action"] for entry in entries].count("customer.card") == 1


async def test_one_question_to_the_database(desk, client, statements, asked):
    (customer, *_) = await desk.varied(3)
    # Nor is anything asked past the pool of hot reads.
    with statements() as others:
        await get(client, f"/customers/{customer}/card")
    assert (len(asked), others) == (1, [])


async def test_its_statement_is_planned_once_a_connection(desk, client, house):
    customer = await desk.customer("Mei")
    await get(client, f"/customers/{customer}/card")
    kept = "SELECT count(*) FROM pg_prepared_statements WHERE statement LIKE '%last_interactions%'"
    assert await house.services.db.hot.fetchval(kept) > 0


def test_the_example_is_a_card():
    (example,) = Card.model_json_schema(mode="serialization")["examples"]
    assert example.keys() == Card.model_fields.keys()
    assert known(Card.model_validate(example))


def known(model):
    """Whether a model and those in it were given nothing that they do not name."""
    inside = [one for value in dict(model).values() for one in (value if isinstance(value, list) else [value])]
    return not model.model_extra and all(known(one) for one in inside if hasattr(one, "model_extra"))
