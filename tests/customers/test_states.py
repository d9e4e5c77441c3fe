"""Records that later rooms will have merged or erased are nobody's to change, and the database keeps its own rules."""

import uuid

import pytest
from sqlalchemy import text

from app.customers import commands
from app.customers.commands import NewCustomer
from app.customers.identifiers import Identifier


@pytest.fixture
def become(house):
    """Set a customer's status as a later room will."""

    async def change(customer, status):
        statement = text("UPDATE customers SET status = :status WHERE id = :id")
        await house.services.db.run(lambda tx: tx.execute(statement, {"status": status, "id": customer["id"]}))

    return change


# Of who was really merged, `tests/office` tells; here nobody is there any more.
@pytest.mark.parametrize(("status", "code"), [("merged", 404), ("erased", 410)])
async def test_nobody_changes_what_is_gone(client, make, become, card, rows, status, code):
    number = card()
    body = await make(identifiers=[number])
    await become(body, status)
    path, headers = f"/v1/customers/{body['id']}", {"If-Match": '"1"'}
    answers = [
        await client.patch(path, json={"display_name": "X"}, headers=headers),
        await client.post(f"{path}/identifiers", json=card()),
        await client.delete(f"{path}/identifiers/{body['identifiers'][0]['id']}", headers=headers),
    ]
    assert [answer.status_code for answer in answers] == [code] * 3
    items = [
        {"id": body["id"], "display_name": "X", "identifiers": [card()]},
        {"identifiers": [number, card(), {"kind": "phone", "value": "13800138000"}], "display_name": "X"},
        {"display_name": "Good"},
    ]
    results = (await client.post("/v1/customers/batch", json={"items": items})).json()["results"]
    assert [result["status"] for result in results] == ["failed", "failed", "created"]
    assert [result["problem"]["code"] for result in results[:2]] == ["customer_exists", "not_found"]
    # What was claimed for it in passing is free again.
    assert (await rows("SELECT count(*) FROM identifiers"))[0][0] == 1
    assert (await client.get(path)).status_code == code
    assert (await rows("SELECT version FROM customers WHERE status = '" + status + "'"))[0][0] == 1


async def test_the_status_is_a_filter(client, make, become):
    merged, active = await make(), await make()
    await become(merged, "merged")

    async def found(**query):
        return [one["id"] for one in (await client.get("/v1/customers", params=query)).json()["data"]]

    assert await found(status="merged") == [merged["id"]]
    assert await found(status="active") == [active["id"]]


async def test_an_external_id_of_a_merged_customer_is_not_upserted(client, become):
    body = (await client.put("/v1/customers/by-external/erp/1", json={})).json()
    await become(body, "merged")
    assert (await client.put("/v1/customers/by-external/erp/1", json={"reading": "x"})).status_code == 404


CUSTOMER = {
    "id": "gen_random_uuid()", "kind": "'person'", "status": "'active'", "version": "1", "created_at": "now()",
    "updated_at": "now()",
}  # fmt: skip
IDENTIFIER = {
    "kind": "'card'", "value": "'1'", "customer_id": "gen_random_uuid()", "id": "gen_random_uuid()", "typed": "'1'",
    "exclusive": "true", "created_at": "now()",
}  # fmt: skip


@pytest.mark.parametrize(
    ("table", "change", "constraint"),
    [
        ("customers", {"kind": "'robot'"}, "ck_customers_kind"),
        ("customers", {"status": "'happy'"}, "ck_customers_status"),
        ("customers", {"gender": "'F'"}, "ck_customers_gender"),
        ("customers", {"birth_month": "2"}, "ck_customers_birthday"),
        ("customers", {"birth_day": "2"}, "ck_customers_birthday"),
        ("customers", {"birth_year": "2000"}, "ck_customers_birthday"),
        ("customers", {"birth_month": "13", "birth_day": "1"}, "ck_customers_birthday"),
        ("customers", {"birth_month": "1", "birth_day": "0"}, "ck_customers_birthday"),
        ("customers", {"birth_month": "1", "birth_day": "1", "birth_year": "1800"}, "ck_customers_birthday"),
        ("customers", {"home_store": "'NOWHERE'"}, "fk_customers_home_store_stores"),
        ("identifiers", {"kind": "'passport'"}, "ck_identifiers_kind"),
        ("identifiers", {"kind": "'external:'"}, "ck_identifiers_kind"),
        ("identifiers", {"exclusive": "false"}, "ck_identifiers_exclusive"),
        ("identifiers", {"kind": "'chat:wx'", "exclusive": "false"}, "ck_identifiers_exclusive"),
    ],
)
async def test_the_database_keeps_the_rules_itself(house, rows, table, change, constraint):
    """Whatever command comes later. A problem is answered, with no value in it."""
    row = {**(CUSTOMER if table == "customers" else IDENTIFIER), **change}
    statement = text(f"INSERT INTO {table} ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    with pytest.raises(Exception, match=constraint) as error:
        await house.services.db.run(lambda tx: tx.execute(statement))
    problem = house.services.errors.problem(error.value)
    assert problem.type.status in {409, 422}
    assert (await rows(f"SELECT count(*) FROM {table}"))[0][0] == 0


@pytest.mark.parametrize(
    "change",
    [
        {"birth_month": "2", "birth_day": "29"}, {"birth_month": "2", "birth_day": "29", "birth_year": "2000"},
        {"kind": "'walk_in'"}, {"status": "'merged'", "merged_into": "gen_random_uuid()"}, {"gender": "'other'"},
    ],
)  # fmt: skip
async def test_what_the_database_takes(house, change):
    row = {**CUSTOMER, **change}
    statement = text(f"INSERT INTO customers ({', '.join(row)}) VALUES ({', '.join(row.values())})")
    await house.services.db.run(lambda tx: tx.execute(statement))


async def test_people_may_share_what_is_not_exclusive(house):
    """Two rows of one phone, one of which a till has claimed; never two that are claimed."""
    row = {**IDENTIFIER, "kind": "'phone'", "value": "'+8613800138000'"}

    def insert(exclusive):
        values = {**row, "exclusive": exclusive}
        return text(f"INSERT INTO identifiers ({', '.join(values)}) VALUES ({', '.join(values.values())})")

    db = house.services.db
    for exclusive in ("false", "true", "false"):
        await db.run(lambda tx, exclusive=exclusive: tx.execute(insert(exclusive)))
    with pytest.raises(Exception, match="uq_identifiers_kind_value"):
        await db.run(lambda tx: tx.execute(insert("true")))


async def test_what_is_published_and_audited_names_nobody(client, house, rows):
    """Ids, names of fields and numbers: so that erasing a person leaves feed and audit as they are."""
    canary = "Zanzibar"
    body = {
        "display_name": canary, "given_name": canary, "reading": canary,
        "identifiers": [
            {"kind": "email", "value": f"{canary}@example.com"}, {"kind": "card", "value": canary},
            {"kind": "phone", "value": "13800138000"}, {"kind": "external", "system": "erp", "value": canary},
        ],
    }  # fmt: skip
    made = (await client.post("/v1/customers", json=body)).json()
    await client.patch(f"/v1/customers/{made['id']}", json={"family_name": canary}, headers={"If-Match": '"1"'})
    await client.put(f"/v1/customers/by-external/erp/{canary}", json={"source": canary})
    await client.post("/v1/customers/batch", json={"items": [{**body, "language": "zh"}]})
    created = NewCustomer(uuid.uuid4(), (Identifier("card", f"{canary}2", canary),))
    await house.services.db.run(lambda tx: commands.create_many(tx, [created]))
    await client.get(f"/v1/customers/{made['id']}")
    await house.services.reads.flush()
    for table in ("outbox", "events", "audit_entries"):
        found = await rows(f"SELECT to_jsonb(t)::text AS row FROM {table} t")
        assert all(canary.lower() not in row.row.lower() and "13800138000" not in row.row for row in found)
    assert (await rows("SELECT count(*) FROM audit_entries"))[0][0] >= 4


async def test_logs_name_nobody(client, caplog):
    caplog.set_level("DEBUG")
    await client.post(
        "/v1/customers", json={"display_name": "Zanzibar", "identifiers": [{"kind": "phone", "value": "x13800138000"}]}
    )
    await client.put("/v1/customers/by-external/erp/Zanzibar", json={"home_store": "Zanzibar"})
    ours = [record.getMessage() for record in caplog.records if record.name.startswith(("clientele", "uvicorn"))]
    assert not [line for line in ours if "Zanzibar" in line or "13800138000" in line]
