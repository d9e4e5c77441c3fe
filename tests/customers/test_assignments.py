"""Who looks after a customer: set, shown, listed, asked about, and kept as history."""

import uuid

import pytest


@pytest.fixture
def put(client):
    """Set who looks after a customer, at a version."""

    async def done(customer, version=1, status=200, **body):
        headers = {"If-Match": f'"{version}"'} if version is not None else {}
        answer = await client.put(f"/v1/customers/{customer}/assignment", json=body, headers=headers)
        assert answer.status_code == status, answer.text
        return answer

    return done


async def test_it_is_part_of_the_record(client, make, put, published, rows):
    one = await make(display_name="A")
    assert (one["account_manager"], one["sponsor"]) == (None, None)
    answer = await put(one["id"], account_manager="emp-7", sponsor="emp-1", reason="New district")
    assert answer.json() == {
        "customer_id": one["id"], "account_manager": "emp-7", "sponsor": "emp-1", "version": 2,
    }  # fmt: skip
    assert answer.headers["etag"] == '"2"'
    shown = (await client.get(f"/v1/customers/{one['id']}")).json()
    assert (shown["account_manager"], shown["sponsor"], shown["version"]) == ("emp-7", "emp-1", 2)
    card = (await client.get(f"/v1/customers/{one['id']}/card")).json()
    assert card["customer"]["account_manager"] == "emp-7"
    assert await published(one["id"]) == [("customer.created", 1), ("customer.assigned", 2)]
    (entry,) = await rows("SELECT fields FROM audit_entries WHERE action = 'customer.assign'")
    assert set(entry.fields) == {"account_manager", "sponsor"}


async def test_absent_stays_and_null_is_nobody(client, make, put):
    one = (await make(display_name="A"))["id"]
    await put(one, account_manager="emp-7", sponsor="emp-1")
    await put(one, 2, sponsor=None)
    shown = (await client.get(f"/v1/customers/{one}")).json()
    assert (shown["account_manager"], shown["sponsor"], shown["version"]) == ("emp-7", None, 3)


async def test_the_same_makes_no_new_version(make, put, published):
    one = (await make(display_name="A"))["id"]
    await put(one, account_manager="emp-7")
    assert (await put(one, 2, account_manager="emp-7")).json()["version"] == 2
    assert len(await published(one)) == 2


async def test_history_says_from_when_until_when_by_whom_and_why(client, make, put):
    one = (await make(display_name="A"))["id"]
    await put(one, account_manager="emp-7", sponsor="emp-1", reason="First")
    await put(one, 2, account_manager="emp-8", reason="Second")
    found = (await client.get(f"/v1/customers/{one}/assignments")).json()["data"]
    assert [(row["part"], row["staff"], row["reason"], row["ended_reason"]) for row in found] == [
        ("account_manager", "emp-8", "Second", None),
        ("sponsor", "emp-1", "First", None),
        ("account_manager", "emp-7", "First", "Second"),
    ]
    newest, _, first = found
    assert newest["until"] is None
    assert first["until"] == newest["since"] > first["since"]
    assert first["ended_by"] == newest["assigned_by"]


async def test_history_in_pages(client, make, put):
    one = (await make(display_name="A"))["id"]
    for version in range(1, 6):
        await put(one, version, account_manager=f"emp-{version}")
    path, found, cursor = f"/v1/customers/{one}/assignments", [], None
    while True:
        page = (await client.get(path, params={"limit": 2, **({"cursor": cursor} if cursor else {})})).json()
        found += [row["staff"] for row in page["data"]]
        cursor = page["next_cursor"]
        if not page["has_more"]:
            break
    assert found == [f"emp-{number}" for number in range(5, 0, -1)]


@pytest.mark.parametrize(("version", "status", "code"), [(None, 428, "version_required"), (7, 412, "stale_version")])
async def test_it_needs_the_version_that_was_read(make, put, version, status, code):
    one = (await make(display_name="A"))["id"]
    problem = (await put(one, version, status, account_manager="emp-7")).json()
    assert problem["code"] == code
    assert problem.get("version") in {None, 1}


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        ({"reason": "none"}, "", "nothing_to_assign"),
        ({"account_manager": ""}, "/account_manager", "invalid_code"),
        ({"account_manager": 7}, "/account_manager", "string_type"),
        ({"manager": "emp-7"}, "/manager", "unknown_field"),
    ],
)
async def test_what_is_no_assignment_is_refused(make, put, body, pointer, code):
    one = (await make(display_name="A"))["id"]
    problem = (await put(one, 1, 422, **body)).json()
    assert [(error["pointer"], error["code"]) for error in problem["errors"]] == [(pointer, code)]


async def test_nobody_has_an_absent_customer(put):
    assert (await put(uuid.uuid4(), 1, 404, account_manager="emp-7")).json()["code"] == "not_found"


async def test_lists_and_segments_know_whose_a_customer_is(client, make, put):
    ours, theirs, _ = [(await make(display_name=name))["id"] for name in "ABC"]
    await put(ours, account_manager="emp-7", sponsor="emp-1")
    await put(theirs, account_manager="emp-8", sponsor="emp-1")
    listed = (await client.get("/v1/customers", params={"account_manager": "emp-7"})).json()["data"]
    assert [one["id"] for one in listed] == [ours]
    for text, count in (("account_manager = 'emp-7'", 1), ("sponsor = 'emp-1'", 2), ("account_manager is missing", 1)):
        answer = await client.post("/v1/segments/preview", json={"text": text})
        assert (answer.status_code, answer.json().get("count")) == (200, count), answer.text


async def test_a_hundred_cost_as_many_statements_as_one(client, make, statements):
    ids = [(await make(display_name=str(number)))["id"] for number in range(30)]
    body = {"to": {"account_manager": "emp-7", "sponsor": "emp-1"}, "reason": "New"}
    with statements() as one:
        (await client.post("/v1/handovers", json={**body, "customers": ids[:1]})).raise_for_status()
    with statements() as many:
        (await client.post("/v1/handovers", json={**body, "customers": ids[1:]})).raise_for_status()
    assert len(one) == len(many)


async def test_a_grade_is_given_by_hand_and_taken_away(client, make, published):
    one = await make(display_name="Ann")
    path, grade = f"/v1/customers/{one['id']}", f"/v1/customers/{one['id']}/grade"
    assert one["grade"] is None
    assert (await client.put(grade, json={"grade": "A"})).status_code == 428
    given = await client.put(grade, json={"grade": "A"}, headers={"If-Match": '"1"'})
    assert (given.json(), given.headers["etag"]) == ({"customer_id": one["id"], "grade": "A", "version": 2}, '"2"')
    assert (await client.get(path)).json()["grade"] == "A"
    same = await client.put(grade, json={"grade": "A"}, headers={"If-Match": '"2"'})
    assert same.json()["version"] == 2
    stale = await client.put(grade, json={"grade": "B"}, headers={"If-Match": '"1"'})
    assert (stale.status_code, stale.json()["code"]) == (412, "stale_version")
    assert (await client.put(grade, json={}, headers={"If-Match": '"2"'})).status_code == 422
    gone = await client.put(grade, json={"grade": None}, headers={"If-Match": '"2"'})
    assert (gone.json()["grade"], gone.json()["version"]) == (None, 3)
    told = [("customer.created", 1), ("customer.updated", 2), ("customer.updated", 3)]
    assert await published(one["id"]) == told
