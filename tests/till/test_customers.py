"""Whose a receipt becomes: a wrong or unknown customer never costs the receipt."""

import uuid

import pytest

from tests.till.factories import named, receipt


async def test_nobody_is_the_stores_walk_in(push, client):
    first, second = await push(receipt()), await push(receipt())
    other = await push(receipt(store="S2"))
    assert first["customer_id"] == second["customer_id"] != other["customer_id"]
    assert (first["attributed"], first["flags"]) == (False, [])
    walk_in = (await client.get(f"/v1/customers/{first['customer_id']}")).json()
    assert (walk_in["kind"], walk_in["home_store"], walk_in["figures"]["receipts"]) == ("walk_in", "S1", 0)


async def test_a_known_card_is_its_holder(push, customer):
    holder = await customer({"kind": "card", "value": "0110 4905"})
    found = await push(receipt(customer=named("card", "01104905")))
    assert (found["customer_id"], found["attributed"], found["flags"]) == (holder, True, [])


@pytest.mark.parametrize(
    ("kind", "given", "sent", "system"),
    [
        ("phone", "+8613812345678", "138 1234-5678", None),
        ("phone", "13812345678", "+86 138 1234 5678", None),
        ("phone", "13812345678", "\uff11\uff13\uff18\uff11\uff12\uff13\uff14\uff15\uff16\uff17\uff18", None),
        ("email", "Wang.Fang@Example.com", "wang.fang@EXAMPLE.com", None),
        ("card", "AB-77", "ab77", None),
        ("external", "77", "77", "erp"),
        ("chat", "u77", "u77", "wechat"),
    ],
)
async def test_every_kind_of_identifier_finds_its_holder(push, customer, kind, given, sent, system):
    more = {"system": system} if system else {}
    holder = await customer({"kind": kind, "value": given, **more})
    found = await push(receipt(customer=named(kind, sent, system)))
    assert (found["customer_id"], found["flags"]) == (holder, [])


async def test_an_unknown_identifier_goes_to_the_walk_in_with_a_flag(push, client):
    found = await push(receipt(customer=named("card", "404")))
    assert (found["attributed"], found["flags"]) == (False, ["unknown_customer"])
    assert (await client.get("/v1/customers/lookup?card=404")).json()["data"] == []


@pytest.mark.parametrize(("kind", "value", "system"), [
    ("phone", "12345", None), ("phone", "CALL-ME", None), ("phone", "", None), ("phone", "1\n2", None),
    ("email", "nobody at home", None), ("email", "@", None), ("card", "*****", None), ("card", "x" * 5000, None),
    ("external", "7", None), ("external", "7", "no system"), ("chat", "7", None), ("card", "7", "erp"),
])  # fmt: skip
@pytest.mark.parametrize("on_unknown", ["walk_in", "create"])
async def test_an_identifier_that_cannot_be_read_never_costs_the_receipt(push, kind, value, system, on_unknown):
    found = await push(receipt(customer=named(kind, value, system), on_unknown_customer=on_unknown))
    assert (found["attributed"], found["flags"]) == (False, ["invalid_identifier"])


@pytest.mark.parametrize("kind", ["card", "phone", "email"])
async def test_create_makes_the_customer_with_its_identifier(push, client, kind):
    value = {"card": "900", "phone": "+8613812345678", "email": "new@example.com"}[kind]
    found = await push(receipt(customer=named(kind, value), on_unknown_customer="create", store="S2"))
    assert (found["attributed"], found["flags"]) == (True, [])
    made = (await client.get(f"/v1/customers/{found['customer_id']}")).json()
    assert [(one["kind"], one["value"]) for one in made["identifiers"]] == [(kind, value)]
    assert (made["kind"], made["status"], made["home_store"], made["source"]) == ("person", "active", "S2", "till")
    again = await push(receipt(customer=named(kind, value), on_unknown_customer="create"))
    assert again["customer_id"] == found["customer_id"]


async def test_one_customer_is_created_for_many_receipts_of_a_batch(push_many, client):
    sent = [receipt(card="55") for _ in range(5)] + [receipt(card="66")]
    results = await push_many(*sent)
    found = [(await client.get(f"/v1/receipts/{result['id']}")).json()["customer_id"] for result in results]
    assert len(set(found[:5])) == 1
    assert found[5] != found[0]


async def test_whom_a_batch_creates_is_known_to_its_later_receipts(push_many, client):
    results = await push_many(
        receipt(customer=named("card", "55")), receipt(card="55"), receipt(customer=named("card", "55"))
    )
    found = [(await client.get(f"/v1/receipts/{result['id']}")).json() for result in results]
    assert [one["flags"] for one in found] == [["unknown_customer"], [], []]
    assert found[1]["customer_id"] == found[2]["customer_id"]
    assert results[0]["flags"] == ["unknown_customer"]
    assert "flags" not in results[1]


async def test_a_customer_by_id(push, customer):
    holder = await customer()
    found = await push(receipt(customer={"id": holder}))
    assert (found["customer_id"], found["flags"]) == (holder, [])


@pytest.mark.parametrize("on_unknown", ["walk_in", "create"])
async def test_an_unknown_id_goes_to_the_walk_in(push, on_unknown):
    found = await push(receipt(customer={"id": str(uuid.uuid4())}, on_unknown_customer=on_unknown))
    assert (found["attributed"], found["flags"]) == (False, ["unknown_customer"])


async def test_the_id_of_a_walk_in_is_nobody(push):
    other = await push(receipt(store="S2"))
    found = await push(receipt(customer={"id": other["customer_id"]}))
    assert (found["attributed"], found["flags"]) == (False, [])
    assert found["customer_id"] != other["customer_id"]


async def test_a_shared_phone_is_ambiguous(push, customer):
    for name in ("Mother", "Son"):
        await customer({"kind": "phone", "value": "13812345678", "primary": True}, display_name=name)
    for on_unknown in ("walk_in", "create"):
        found = await push(receipt(customer=named("phone", "13812345678"), on_unknown_customer=on_unknown))
        assert (found["attributed"], found["flags"]) == (False, ["ambiguous_customer"])


async def test_a_shared_phone_is_the_ones_whose_primary_it_is(push, customer):
    mother = await customer({"kind": "phone", "value": "13812345678", "primary": True})
    await customer(
        {"kind": "phone", "value": "13912345678", "primary": True},
        {"kind": "phone", "value": "13812345678", "primary": False},
    )
    found = await push(receipt(customer=named("phone", "13812345678")))
    assert (found["customer_id"], found["flags"]) == (mother, [])


async def test_a_phone_is_read_for_the_stores_country(push, push_many, customer):
    holder = await customer({"kind": "phone", "value": "+12125550123"})
    # The first push does not know the store's country beforehand, the second has learnt it.
    for _ in range(2):
        found = await push(receipt(customer=named("phone", "(212) 555-0123"), store="NY"))
        assert (found["customer_id"], found["flags"]) == (holder, [])
    results = await push_many(
        receipt(customer=named("phone", "(212) 555-0123"), store="NY"),
        receipt(customer=named("phone", "(212) 555-0123"), store="S1"),
    )
    assert [result.get("flags") for result in results] == [None, ["unknown_customer"]]


async def test_a_phone_that_only_the_stores_country_can_read(push, customer):
    holder = await customer({"kind": "phone", "value": "+16502530000"})
    sent = named("phone", "650 253 0000")
    for _ in range(2):
        assert (await push(receipt(customer=sent, store="NY")))["customer_id"] == holder
        assert (await push(receipt(customer=sent, store="S1")))["flags"] == ["invalid_identifier"]


async def test_a_store_that_moves_to_another_country_is_believed(push, client, customer):
    holder = await customer({"kind": "phone", "value": "+12125550123"})
    sent = named("phone", "(212) 555-0123")
    assert (await push(receipt(customer=sent)))["flags"] == ["unknown_customer"]
    await client.put("/v1/stores/S1", json={"phone_region": "US"})
    assert (await push(receipt(customer=sent)))["customer_id"] == holder
    await client.put("/v1/stores/S1", json={"phone_region": "CN"})
    assert (await push(receipt(customer=sent)))["flags"] == ["unknown_customer"]


async def test_a_local_phone_creates_a_customer_of_the_stores_country(push, client):
    sent = receipt(customer=named("phone", "(212) 555-0123"), store="NY", on_unknown_customer="create")
    made = (await client.get(f"/v1/customers/{(await push(sent))['customer_id']}")).json()
    assert [one["value"] for one in made["identifiers"]] == ["+12125550123"]


async def test_the_raw_value_of_an_unreadable_identifier_is_not_kept(push, house):
    await push(receipt(customer=named("phone", "my secret 0815")))
    found = await push(receipt(customer=named("email", "my secret 0815")))
    assert "secret" not in str(found)
