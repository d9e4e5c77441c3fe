"""Attributes that the company declares itself: validated, shown by field group, and asked about in segments."""

import pytest

TEAM = {"label": "Favourite team", "type": "choice", "choices": ["red", "blue"], "weight": 50, "question": "Who?"}


def match(version):
    return {"If-Match": f'"{version}"'}


async def declare(client, name, **fields):
    return await client.put(f"/v1/custom-attributes/{name}", json=fields)


async def test_declared_then_validated_and_asked_about(client, make):
    made = await declare(client, "team", **TEAM)
    assert (made.status_code, made.headers["etag"], made.json()["path"]) == (201, '"1"', "custom.team")
    assert (await declare(client, "team", **TEAM)).status_code == 200
    for name, kind in (("points", "integer"), ("joined", "date"), ("vip", "boolean"), ("tags", "tags")):
        assert (await declare(client, name, label=name, type=kind)).status_code == 201
    values = {"team": "red", "points": 7, "joined": "2024-02-29", "vip": True, "tags": ["a", "b"]}
    body = await make(display_name="Fan", profile={"custom": values})
    await make(display_name="Other", profile={"custom": {"team": "blue", "points": 1}})
    assert body["profile"] == {"custom": values}
    for text in (
        "custom.team = 'red'", "custom.points > 6", "custom.joined anniversary from 2026-02-28 to 2026-02-28",
        "custom.vip = true", "custom.tags contains 'b'", "not custom.joined is missing",
    ):  # fmt: skip
        answer = await client.post("/v1/segments/preview", json={"text": text, "sample": 5, "as_of": "2026-02-01"})
        assert answer.status_code == 200, answer.text
        assert [one["id"] for one in answer.json()["sample"]] == [body["id"]], text
    fields = {one["name"]: one for one in (await client.get("/v1/segments/fields")).json()["fields"]}
    assert fields["custom.team"]["choices"] == ["red", "blue"]
    assert fields["custom.tags"]["operators"] == ["contains", "missing"]
    assert fields["custom.vip"]["field_group"] == "personal"


@pytest.mark.parametrize(
    ("values", "pointer"),
    [
        ({"team": "green"}, "/profile/custom/team"), ({"points": "7"}, "/profile/custom/points"),
        ({"other": 1}, "/profile/custom/other"), ({"te-am": "red"}, "/profile/custom/te-am/[key]"),
    ],
)  # fmt: skip
async def test_what_is_not_as_declared_is_refused(client, values, pointer):
    await declare(client, "team", **TEAM)
    await declare(client, "points", label="Points", type="integer")
    refused = await client.post("/v1/customers", json={"profile": {"custom": values}})
    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, pointer)
    batch = {"items": [{"profile": {"custom": values}}, {"profile": {"custom": {"team": "red"}}}]}
    results = (await client.post("/v1/customers/batch", json=batch)).json()["results"]
    assert [one["status"] for one in results] == ["failed", "created"]


async def test_a_declaration_does_not_turn_stored_values_wrong(client):
    await declare(client, "team", **TEAM)
    for changed in ({"type": "text", "choices": []}, {"choices": ["red"]}):
        refused = await declare(client, "team", **{**TEAM, **changed})
        assert (refused.status_code, refused.json()["code"]) == (409, "attribute_fixed")
    more = await declare(client, "team", **{**TEAM, "choices": ["red", "blue", "green"]})
    assert (more.status_code, more.json()["version"]) == (200, 2)


async def test_null_clears_one_or_the_whole_section(client, make):
    await declare(client, "team", **TEAM)
    await declare(client, "points", label="Points", type="integer")
    body = await make(profile={"custom": {"team": "red", "points": 7}, "life": {"pace": "calm"}})
    path = f"/v1/customers/{body['id']}"
    one = await client.patch(path, json={"profile": {"custom": {"team": None}}}, headers=match(1))
    assert one.json()["profile"] == {"custom": {"points": 7}, "life": {"pace": "calm"}}
    section = await client.patch(path, json={"profile": {"custom": None}}, headers=match(2))
    assert section.json()["profile"] == {"life": {"pace": "calm"}}
    assert (await client.patch(path, json={"profile": None}, headers=match(3))).json()["profile"] == {}


async def test_each_is_shown_by_its_field_group(client, clients, make):
    await declare(client, "team", **{**TEAM, "field_group": "basic", "pii": "none"})
    await declare(client, "secret", label="Secret", type="text")
    body = await make(profile={"custom": {"team": "red", "secret": "x"}, "dealings": {"delivery": "van"}})
    seen = (await clients["analyst"].get(f"/v1/customers/{body['id']}")).json()
    assert seen["profile"] == {"custom": {"team": "red"}, "dealings": {"delivery": "van"}}
    listed = (await clients["analyst"].get("/v1/customers/attributes")).json()["data"]
    assert {one["path"] for one in listed if one["custom"]} == {"custom.team"}
    assert {one["field_group"] for one in listed} == {"basic", "financial"}


async def test_who_may_have_a_value_is_kept(client, make):
    """Found: a business was given what only people have."""
    await declare(client, "fleet", label="Cars", type="integer", kinds=["business"])
    value = {"profile": {"custom": {"fleet": 3}}}
    wrong = ("/profile/custom/fleet", "wrong_kind")

    def told(problem):
        return [(one["pointer"], one["code"]) for one in problem["errors"]]

    refused = await client.post("/v1/customers", json={"display_name": "Li", **value})
    assert (refused.status_code, told(refused.json())) == (422, [wrong])
    person = await make(display_name="Li", identifiers=[{"kind": "card", "value": "P"}])
    business = await make(kind="business", display_name="Acme", identifiers=[{"kind": "card", "value": "B"}], **value)
    refused = await client.patch(f"/v1/customers/{person['id']}", json=value, headers=match(1))
    assert (refused.status_code, told(refused.json())) == (422, [wrong])
    cards = [{"kind": "card", "value": one} for one in ("P", "B", "N", "N", "M")]
    items = [
        {"identifiers": [cards[0]], **value}, {"identifiers": [cards[1]], "profile": {"custom": {"fleet": 4}}},
        {"identifiers": [cards[2]], **value}, {"identifiers": [cards[3]], "kind": "business", **value},
        {"identifiers": [cards[4]], "profile": {"custom": {"fleet": None}}},
    ]  # fmt: skip
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    assert [one["status"] for one in results] == ["failed", "updated", "failed", "created", "created"]
    assert told(results[0]["problem"]) == told(results[2]["problem"]) == [wrong]
    assert (await client.get(f"/v1/customers/{business['id']}")).json()["profile"] == {"custom": {"fleet": 4}}
    becomes = await client.patch(f"/v1/customers/{person['id']}", json={"kind": "business", **value}, headers=match(1))
    assert becomes.status_code == 200, becomes.text
