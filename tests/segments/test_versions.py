"""Every version of a saved segment is kept, and what a new question would change is told first."""

from datetime import UTC, datetime

import pytest
from sqlalchemy import text

from tests.segments.factories import customer, receipt, segment, store

NOW = datetime(2026, 11, 21, 4, tzinfo=UTC)


@pytest.fixture(autouse=True)
async def today(house, client):
    house.services.clock.set(NOW)
    await store(client, "GY-01")


async def patched(client, saved, version, **given):
    headers = {"If-Match": f'"{version}"'}
    answer = await client.patch(f"/v1/segments/{saved['id']}", json=given, headers=headers)
    assert answer.status_code == 200, answer.text


async def versions(client, saved, **query):
    answer = await client.get(f"/v1/segments/{saved['id']}/versions", params=query)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_every_version_is_kept_with_who_changed_what_and_when(house, client, clients):
    saved = await segment(client, "good", "figures.net > 100")
    house.services.clock.set(NOW.replace(hour=5))
    await patched(clients["analyst"], saved, 1, text="figures.net > 200", description="Better")
    await patched(client, saved, 2, name="best")
    await patched(client, saved, 3, name="best")
    await patched(client, saved, 3, description=None)
    found = (await versions(client, saved))["data"]
    assert [(one["version"], one["name"], one["text"], one["description"], one["fields"]) for one in found] == [
        (4, "best", "figures.net > 200.00", None, ["description"]),
        (3, "best", "figures.net > 200.00", "Better", ["name"]),
        (2, "good", "figures.net > 200.00", "Better", ["description", "tree"]),
        (1, "good", "figures.net > 100.00", None, ["name", "tree"]),
    ]
    assert [one["changed_at"] for one in found][-2:] == ["2026-11-21T05:00:00.000000Z", "2026-11-21T04:00:00.000000Z"]
    assert found[0]["changed_by"] == found[3]["changed_by"] != found[2]["changed_by"]
    assert found[0]["tree"] == (await client.get(f"/v1/segments/{saved['id']}")).json()["tree"]
    first = await versions(client, saved, limit="3")
    second = await versions(client, saved, limit="3", cursor=first["next_cursor"])
    assert first["data"] + second["data"] == found
    assert second["has_more"] is False


async def test_a_version_goes_with_its_segment(house, client):
    saved = await segment(client, "good", "age > 3")
    await patched(client, saved, 1, text="age > 4")
    assert (await client.delete(f"/v1/segments/{saved['id']}", headers={"If-Match": '"2"'})).status_code == 204
    assert (await client.get(f"/v1/segments/{saved['id']}/versions")).status_code == 404
    assert await house.services.db.hot.fetchval("SELECT count(*) FROM segment_versions") == 0


async def test_a_version_may_name_a_segment_that_is_gone(client):
    other = await segment(client, "other", "age > 3")
    saved = await segment(client, "good", "in segment 'other'")
    await patched(client, saved, 1, text="age > 4")
    assert (await client.delete(f"/v1/segments/{other['id']}", headers={"If-Match": '"1"'})).status_code == 204
    assert [one["text"] for one in (await versions(client, saved))["data"]] == ["age > 4", "in segment '?'"]


async def test_the_version_is_written_with_the_change_or_not_at_all(house, client):
    """Table of versions = table of segments, whatever was refused in between."""
    saved, other = await segment(client, "one", "age > 3"), await segment(client, "two", "age > 3")
    taken = await client.patch(f"/v1/segments/{saved['id']}", json={"name": "two"}, headers={"If-Match": '"1"'})
    assert taken.status_code == 409
    await patched(client, other, 1, text="age > 5")
    rows = await house.services.db.run(
        lambda tx: tx.rows(text(
            "SELECT s.version, v.version, s.tree = v.tree, s.name = v.name FROM segments s JOIN LATERAL ("
            "SELECT * FROM segment_versions WHERE segment_id = s.id ORDER BY version DESC LIMIT 1) v ON true"
        ))
    )  # fmt: skip
    assert sorted(tuple(row) for row in rows) == [(1, 1, True, True), (2, 2, True, True)]


async def people(client):
    """Three who spent 100, 200, 300."""
    made = {}
    for net in (100, 200, 300):
        made[net] = await customer(client, display_name=str(net), language="zh" if net > 100 else "en")
        await receipt(client, made[net], net * 100, "2026-11-01")
    return made


def ids(part):
    assert len(part["sample"]) <= part["count"]
    return {one["id"] for one in part["sample"]}


async def test_what_a_new_question_changes_is_told_before(client):
    made = await people(client)
    saved = await segment(client, "good", "figures.net > 150")
    where = f"/v1/segments/{saved['id']}/difference"
    answer = await client.post(where, json={"text": "figures.net < 250"})
    assert answer.status_code == 200, answer.text
    found = answer.json()
    assert [found[name]["count"] for name in ("enter", "leave", "stay")] == [1, 1, 1]
    assert [ids(found[name]) for name in ("enter", "leave", "stay")] == [{made[100]}, {made[300]}, {made[200]}]
    assert (found["before"], found["text"]) == ("figures.net > 150.00", "figures.net < 250.00")
    assert (found["version"], found["as_of"], found["warnings"]) == (1, "2026-11-21", [])
    assert found["cost"] > 0
    same = (await client.post(where, json={"tree": saved["tree"], "sample": 0})).json()
    assert [(same[name]["count"], same[name]["sample"]) for name in ("enter", "leave", "stay")] == [
        (0, []), (0, []), (2, []),
    ]  # fmt: skip
    none = (await client.post(where, json={"text": "age > 200"})).json()
    assert (none["leave"]["count"], [one["code"] for one in none["warnings"]]) == (2, ["often_missing", "nobody"])
    # Nothing was changed by asking.
    assert (await client.get(f"/v1/segments/{saved['id']}")).json() == saved


async def test_a_preview_tells_the_difference_too(client):
    made = await people(client)
    saved = await segment(client, "good", "figures.net > 150")
    body = {"text": "language = 'en'", "against": saved["id"]}
    found = (await client.post("/v1/segments/preview", json=body)).json()
    assert found["count"] == 1
    parts = found["difference"]
    assert [parts[name]["count"] for name in ("enter", "leave", "stay")] == [1, 2, 0]
    assert ids(parts["leave"]) == {made[200], made[300]}
    without = (await client.post("/v1/segments/preview", json={"text": "language = 'en'"})).json()
    assert "difference" not in without
    absent = {**body, "against": "018cc251-f400-7a3e-8d51-7b0c46a1f2e9"}
    assert (await client.post("/v1/segments/preview", json=absent)).status_code == 404


async def test_a_difference_needs_what_both_questions_need(client, clients):
    saved = await segment(client, "old", "age > 40")
    body = {"text": "language = 'zh'"}
    refused = await clients["analyst"].post(f"/v1/segments/{saved['id']}/difference", json=body)
    assert refused.status_code == 403
    body = {"text": "in segment 'old'"}
    circle = await client.post(f"/v1/segments/{saved['id']}/difference", json=body)
    assert circle.json()["errors"][0]["code"] == "circle"


async def test_how_two_segments_overlap(client):
    made = await people(client)
    one, other = await segment(client, "one", "figures.net > 150"), await segment(client, "other", "figures.net < 250")
    where = f"/v1/segments/{one['id']}/overlap/{other['id']}"
    found = (await client.get(where, params={"sample": "5"})).json()
    assert [found[name]["count"] for name in ("first", "second", "both")] == [1, 1, 1]
    assert [ids(found[name]) for name in ("first", "second", "both")] == [{made[300]}, {made[100]}, {made[200]}]
    assert (found["share_of_first"], found["share_of_second"], found["lift"]) == ("0.5", "0.5", "0.75")
    assert found["customers"] == 3
    nobody = await segment(client, "nobody", "age > 200")
    empty = (await client.get(f"/v1/segments/{one['id']}/overlap/{nobody['id']}")).json()
    assert [empty[name]["count"] for name in ("first", "second", "both")] == [2, 0, 0]
    assert (empty["share_of_first"], empty["share_of_second"], empty["lift"]) == ("0", None, None)
    itself = (await client.get(f"/v1/segments/{one['id']}/overlap/{one['id']}")).json()
    assert [itself[name]["count"] for name in ("first", "second", "both")] == [0, 0, 2]


async def test_a_field_that_is_mostly_missing_is_warned_of(client):
    for number in range(10):
        await customer(client, display_name=str(number), language="zh" if number == 0 else None)
    found = (await client.post("/v1/segments/preview", json={"text": "language = 'zh'"})).json()
    assert found["warnings"] == [
        {
            "code": "often_missing",
            "detail": "The field language is missing for 90 % of the customers looked at (at most a thousand).",
        }
    ]
    for asked in ("status = 'active'", "language is missing", "language = 'zh' or language is missing"):
        found = (await client.post("/v1/segments/preview", json={"text": asked})).json()
        assert found["warnings"] == [], asked
