"""Imports over HTTP: every kind in both formats, and what is answered to every wrong file."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.bulk import queries
from app.bulk.columns import SHAPES
from app.catalog.schemas import ProductItem, StoreItem
from app.core.caller import SYSTEM
from app.credit.schemas import ExpenseItem, PlanItem, ReceivableItem
from app.customers.schemas.record import NewCustomer
from app.till.schemas import Line, Receipt
from tests.bulk.conftest import CSV, NDJSON

STORES = "code,name,kind,time_zone,currency,phone_region,tills\nS01,First,own,Asia/Shanghai,CNY,CN,1 2\n"
RECEIPT_COLUMNS = (
    "source,number,store,kind,occurred_at,currency,customer.card,on_unknown_customer,tenders.cash,lines.product,"
    "lines.category,lines.quantity,lines.net,lines.cost\n"
)


def receipt_lines(number: str, card: str, *nets: int, product: str = "P") -> str:
    return "".join(
        f"till,{number},S01,sale,2026-11-01T12:30:00+08:00,CNY,{card},create,{sum(nets)},"
        f"{product}{place},a/b,1,{net},{net // 2}\n"
        for place, net in enumerate(nets)
    )


def as_json(rows: Sequence[Any]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def counts(found: dict) -> tuple[int, ...]:
    return tuple(found["rows"][name] for name in ("read", "created", "updated", "duplicate", "failed"))


# --- what it does -----------------------------------------------------------------------------------------------------


async def test_an_upload_is_accepted_and_waits_for_a_worker(imports, count):
    answer = await imports.send("stores", STORES)
    assert answer.status_code == 202
    found = answer.json()
    assert answer.headers["location"] == f"/v1/imports/{found['id']}"
    assert (found["kind"], found["format"], found["status"], found["percent"]) == ("stores", "csv", "queued", 0)
    assert found["bytes"] == len(STORES)
    assert counts(found) == (0, 0, 0, 0, 0)
    assert (found["started_at"], found["finished_at"], found["error"]) == (None, None, None)
    assert (await imports.client.get(found["job"])).json()["status"] == "queued"
    assert await count("import_chunks") == 1
    assert await count("stores") == 0


@pytest.mark.parametrize("media", [CSV, NDJSON])
async def test_stores(imports, count, media):
    rows = [{"code": "S01", "name": "First", "kind": "own", "tills": ["1", "2"]}, {"code": "S02", "name": "Second"}]
    text = "code,name,kind,tills\nS01,First,own,2 1\nS02,Second,,\n" if media == CSV else as_json(rows)
    found = await imports.run("stores", text, media)
    assert (found["status"], found["percent"], counts(found)) == ("done", 100, (2, 1, 0, 0, 1))
    assert found["started_at"] is not None and found["finished_at"] is not None
    assert (await imports.client.get("/v1/stores/S01")).json()["tills"] == ["1", "2"]
    [error] = await imports.errors(found["id"])
    line = 3 if media == CSV else 2
    assert (error["line"], error["pointer"], error["key"]) == (line, "kind" if media == CSV else "/kind", "S02")
    assert await count("import_chunks") == 0


@pytest.mark.parametrize("media", [CSV, NDJSON])
async def test_products(imports, media):
    rows = [
        {"code": "P1", "name": "茶", "category": "food/tea", "list_price": 1200, "replaces_after_days": 30},
        {"code": "P2", "list_price": -1},
        {"code": "P1", "name": "绿茶"},
        {"code": "P1", "name": "绿茶"},
    ]
    columns = "code,name,category,list_price,replaces_after_days\n"
    text = columns + "P1,茶,food/tea,1200,30\nP2,,,-1,\nP1,绿茶,,,\nP1,绿茶,,,\n" if media == CSV else as_json(rows)
    found = await imports.run("products", text, media)
    assert counts(found) == (4, 1, 1, 1, 1)
    product = (await imports.client.get("/v1/products/P1")).json()
    assert (product["name"], product["list_price"], product["category"]) == ("绿茶", 1200, "food/tea")
    [error] = await imports.errors(found["id"])
    assert (error["key"], error["pointer"].strip("/")) == ("P2", "list_price")


@pytest.mark.parametrize("media", [CSV, NDJSON])
async def test_customers(imports, media):
    await imports.run("stores", STORES)
    rows = [
        {
            "display_name": "王芳", "birthday": {"month": 9, "day": 21, "year": 1990}, "home_store": "S01",
            "identifiers": [
                {"kind": "phone", "value": "138 0013 8000"},
                {"kind": "external", "value": "c-1", "system": "crm"},
            ],
        },
        {"display_name": "Bad", "identifiers": [{"kind": "phone", "value": "12"}]},
        {"display_name": "王小芳", "identifiers": [{"kind": "external", "value": "c-1", "system": "crm"}]},
    ]  # fmt: skip
    text = (
        "display_name\tbirthday\thome_store\tphone\texternal.crm\n王芳\t1990-09-21\tS01\t138 0013 8000\tc-1\n"
        "Bad\t\t\t12\t\n王小芳\t\t\t\tc-1\n"
        if media == CSV
        else as_json(rows)
    )
    found = await imports.run("customers", text, media)
    assert counts(found) == (3, 1, 1, 0, 1)
    lookup = await imports.client.get("/v1/customers/lookup", params={"phone": "+8613800138000"})
    [candidate] = lookup.json()["data"]
    assert candidate["display_name"] == "王小芳"
    [error] = await imports.errors(found["id"])
    assert (error["line"], error["key"]) == (3 if media == CSV else 2, None)
    assert error["pointer"] == ("phone" if media == CSV else "/identifiers/0/value")


@pytest.mark.parametrize("media", [CSV, NDJSON])
async def test_receipts(imports, media):
    await imports.run("stores", STORES)
    text = RECEIPT_COLUMNS + receipt_lines("R1", "77", 300, 200) + receipt_lines("R2", "77", 100)
    text += receipt_lines("R3", "77", 100).replace("S01", "S99")
    if media == NDJSON:
        base = {
            "source": "till", "store": "S01", "kind": "sale", "currency": "CNY", "on_unknown_customer": "create",
            "occurred_at": "2026-11-01T12:30:00+08:00", "customer": {"identifier": {"kind": "card", "value": "77"}},
        }  # fmt: skip
        rows = []
        for number, nets in (("R1", (300, 200)), ("R2", (100,)), ("R3", (100,))):
            lines = [
                {"product": f"P{place}", "category": "a/b", "quantity": "1", "net": net, "cost": net // 2}
                for place, net in enumerate(nets)
            ]
            tenders = [{"kind": "cash", "amount": sum(nets)}]
            store = "S99" if number == "R3" else "S01"
            rows.append({**base, "number": number, "store": store, "lines": lines, "tenders": tenders})
        text = as_json(rows)
    found = await imports.run("receipts", text, media)
    assert counts(found) == (3, 2, 0, 0, 1)
    again = await imports.run("receipts", text, media)
    assert counts(again) == (3, 0, 0, 2, 1), "receipts have a natural key: a file may come twice"
    [customer] = (await imports.client.get("/v1/customers/lookup", params={"card": "77"})).json()["data"]
    assert (customer["figures"]["net"], customer["figures"]["receipts"]) == (600, 2)
    [error] = await imports.errors(found["id"])
    assert (error["code"], error["key"]) == ("unknown_store", "till R3")


async def test_csv_and_json_of_one_receipt_are_the_same_receipt(imports):
    """The content behind a receipt number is the same whichever way it came."""
    await imports.run("stores", STORES)
    await imports.run("receipts", RECEIPT_COLUMNS + receipt_lines("R1", "77", 300))
    pushed = await imports.client.post(
        "/v1/receipts/batch",
        json={
            "items": [
                {
                    "source": "till", "number": "R1", "store": "S01", "kind": "sale", "currency": "CNY",
                    "occurred_at": "2026-11-01T04:30:00Z", "customer": None,
                    "lines": [{"product": "P0", "category": "a/b", "quantity": "1", "net": 300, "cost": 150}],
                    "tenders": [{"kind": "cash", "amount": 300}],
                }
            ]
        },
    )  # fmt: skip
    assert [result["status"] for result in pushed.json()["results"]] == ["duplicate"]


async def test_rows_are_written_in_the_name_of_who_sent_them(imports, services):
    found = await imports.run("products", "code\nP1\n")
    connection = await services.db.connect()
    try:
        rows = await connection.fetch(
            "SELECT a.action, (a.client_id, a.key_id, a.request_id) = (i.client_id, i.key_id, i.request_id) AS same"
            " FROM audit_entries a, imports i WHERE i.id = $1",
            found["id"],
        )
    finally:
        await connection.close()
    assert {(row["action"], row["same"]) for row in rows} >= {("import.create", True), ("product.create", True)}


@pytest.mark.parametrize(
    ("kind", "model"),
    [
        ("customers", NewCustomer),
        ("products", ProductItem),
        ("stores", StoreItem),
        ("receipts", Receipt),
        ("receivables", ReceivableItem),
        ("sales_plans", PlanItem),
        ("expense_budgets", PlanItem),
        ("expenses", ExpenseItem),
    ],
)
def test_columns_are_fields_of_the_api_and_every_field_has_columns(kind, model):
    """A field added to the API needs a column, and a column that the API does not know would fail every row."""
    columns = SHAPES[kind].plain
    own = {"birthday", "identifiers", "profile", "provenance", "customer", "lines", "tenders", "returns"}
    assert {name for name in columns if "." not in name} - {"phone", "email", "card"} >= set(model.model_fields) - own
    assert {name for name in columns if "." not in name} - {"phone", "email", "card"} <= set(model.model_fields)
    lines = {name.partition(".")[2] for name in columns if name.startswith("lines.")}
    assert lines == (set(Line.model_fields) if kind == "receipts" else set())


async def test_a_file_brings_profiles_and_where_they_come_from(imports):
    text = (
        "card,profile.life.hobbies,profile.family.children,provenance.channel\n"
        "F1,tea; golf,2,survey\nF2,,x,survey\nF3,,,nowhere\n"
    )
    found = await imports.run("customers", text)
    assert counts(found) == (3, 1, 0, 0, 2)
    assert [error["pointer"] for error in await imports.errors(found["id"])] == [
        "profile.family.children", "provenance.channel",
    ]  # fmt: skip
    (one,) = (await imports.client.get("/v1/customers")).json()["data"]
    assert one["profile"] == {"life": {"hobbies": ["tea", "golf"]}, "family": {"children": 2}}
    facts = (await imports.client.get(f"/v1/customers/{one['id']}/provenance")).json()["data"]
    assert {fact["channel"] for fact in facts} == {"survey"}


# --- wrong rows -------------------------------------------------------------------------------------------------------


async def test_one_bad_row_never_costs_a_good_one(imports, count):
    bad = [
        b"B,too,many\n", b"B\n", b'B,"open\n', b"B,\xff\xfe\n", b"B,a\x00b\n", b"B," + b"x" * 200_000 + b"\n",
        b"B," + b"x" * 1_100_000 + b"\n", b"B," + b"n" * 201 + b"\n", b"bad code,x\n", b",nameless\n",
        b"B,line\tbreak\n",
    ]  # fmt: skip
    data = (
        b"code,name\r\n" + b"".join(b"G%d,Good\r\n%b" % (number, row) for number, row in enumerate(bad)) + b"G99,Good"
    )
    found = await imports.run("products", data)
    assert counts(found) == (2 * len(bad) + 1, len(bad) + 1, 0, 0, len(bad))
    errors = await imports.errors(found["id"])
    assert [error["line"] for error in errors] == [3 + 2 * place for place in range(len(bad))]
    assert [error["code"] for error in errors] == [
        "column_count", "column_count", "bad_quotes", "invalid_utf8", "nul", "field_too_long", "line_too_long",
        "string_too_long", "invalid_code", "missing", "control_character",
    ]  # fmt: skip
    assert await count("products") == len(bad) + 1


async def test_errors_hold_nothing_of_a_person(imports):
    canary = "Canary-Name-7391"
    text = (
        f"display_name,phone,email,card,birthday,colour\n{canary},1\n"
        f"{canary},nophone{canary},no{canary},!,3000-99-99\n{canary},,{canary}@,,\n"
    ).replace(",colour", "")
    found = await imports.run("customers", text)
    assert found["rows"]["failed"] == 3
    for form in ("ndjson", "csv"):
        answer = await imports.client.get(f"/v1/imports/{found['id']}/errors", params={"format": form})
        assert answer.text.count("\n") >= 3
        assert canary not in answer.text


async def test_errors_as_csv_for_a_spreadsheet(imports):
    found = await imports.run("products", 'code,name\n=1+2,"a b"\n+x y,z\n@a b,"q"\n-- -,x\nok,ok\n')
    answer = await imports.client.get(f"/v1/imports/{found['id']}/errors", params={"format": "csv"})
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert f"import-{found['id']}-errors.csv" in answer.headers["content-disposition"]
    rows = list(csv.DictReader(io.StringIO(answer.text)))
    assert [(row["line"], row["key"]) for row in rows] == [("3", "'+x y"), ("4", "'@a b"), ("5", "'-- -")]
    assert [row["pointer"] for row in rows] == ["code"] * 3
    product = (await imports.client.get("/v1/products/=1+2")).json()
    assert product["code"] == "=1+2", "what is stored is what was sent; only the spreadsheet is protected"


async def test_errors_can_be_read_on_from_a_line(imports):
    found = await imports.run("products", "code\n" + "a b\n" * 5000)
    assert found["rows"]["failed"] == 5000
    errors = await imports.errors(found["id"])
    assert [error["line"] for error in errors] == list(range(2, 5002))
    assert [error["line"] for error in await imports.errors(found["id"], after_line="4999")] == [5000, 5001]
    assert await imports.errors(found["id"], after_line="5001") == []
    assert await imports.errors(found["id"], after_line=str(2**63 - 1)) == []
    for wrong in ({"after_line": "-1"}, {"after_line": str(2**63)}, {"format": "xlsx"}, {"colour": "red"}):
        answer = await imports.client.get(f"/v1/imports/{found['id']}/errors", params=wrong)
        assert answer.status_code == 422, wrong


# --- wrong files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "data", "media", "status", "code"),
    [
        ("cats", "code\nA\n", CSV, 422, "invalid_input"),
        ("products", "", CSV, 422, "unreadable_file"),
        ("products", "", NDJSON, 422, "unreadable_file"),
        ("products", b"PK\x03\x04", CSV, 422, "unreadable_file"),
        ("products", "code\nA\n".encode("utf-16"), CSV, 422, "unreadable_file"),
        ("products", "name,size\nA,1\n", CSV, 422, "invalid_input"),
        ("products", "code\nA\n", "application/json", 415, "unsupported_media_type"),
        ("products", "code\nA\n", "", 415, "unsupported_media_type"),
        ("products", "code\nA\n", "text/csv; charset=gbk", 415, "unsupported_media_type"),
    ],
)
async def test_wrong_files_are_refused_at_once(imports, count, kind, data, media, status, code):
    answer = await imports.send(kind, data, media)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert await count("imports") == 0
    assert await count("import_chunks") == 0


async def test_a_wrong_header_names_its_columns(imports):
    answer = await imports.send("products", "name,size\nA,1\n")
    assert [(error["pointer"], error["code"]) for error in answer.json()["errors"]] == [
        ("/size", "unknown_field"),
        ("/code", "missing"),
    ]


async def test_compressed_bodies_are_refused(imports):
    answer = await imports.send("products", b"\x1f\x8b", CSV, Content_Encoding="gzip")
    assert answer.status_code == 415


async def test_media_types_may_carry_parameters_and_capitals(imports):
    answer = await imports.send("products", "code\nA\n", 'Text/CSV; header=present; charset="UTF-8"')
    assert answer.status_code == 202


async def test_a_delimiter_may_be_said(imports):
    for delimiter, status in (("semicolon", 202), ("tab", 422), ("pipe", 422)):
        answer = await imports.client.post(
            "/v1/imports", params={"kind": "products", "delimiter": delimiter}, content=b"code;name\nA;b\n",
            headers={"Content-Type": CSV},
        )  # fmt: skip
        assert answer.status_code == status, delimiter


@pytest.mark.parametrize("role", ["pos", "call_center", "partner", "analyst"])
async def test_only_who_may_import_does(clients, role):
    for request in (
        clients[role].post("/v1/imports?kind=products", content=b"code\nA\n", headers={"Content-Type": CSV}),
        clients[role].get("/v1/imports"),
    ):
        assert (await request).status_code == 403


async def test_nothing_there_is_404(client):
    absent = "019d0000-0000-7000-8000-000000000000"
    for path in (f"/v1/imports/{absent}", f"/v1/imports/{absent}/errors", f"/v1/jobs/{absent}"):
        assert (await client.get(path)).status_code == 404
    assert (await client.get("/v1/imports/not-an-id")).status_code == 422


# --- lists ------------------------------------------------------------------------------------------------------------


async def test_imports_are_listed_newest_first_in_pages(imports):
    sent = [(await imports.send("products" if n % 2 else "stores", f"code\nX{n}\n")).json()["id"] for n in range(5)]
    seen, cursor = [], None
    while True:
        query = {"limit": "2", **({"cursor": cursor} if cursor else {})}
        page = (await imports.client.get("/v1/imports", params=query)).json()
        seen += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
        if cursor is None:
            break
    assert seen == sent[::-1]
    only = (await imports.client.get("/v1/imports", params={"kind": "stores"})).json()
    assert [one["id"] for one in only["data"]] == sent[4::-2]
    other = await imports.client.get("/v1/imports", params={"kind": "stores", "cursor": "x"})
    assert (other.status_code, other.json()["code"]) == (400, "invalid_cursor")


async def test_a_client_sees_its_own_imports_and_the_auditor_all(imports, services, house):
    """A key with the right to import, but not to audit, sees what its client sent and nothing else."""
    found = (await imports.send("products", "code\nA\n")).json()
    connection = await services.db.connect()
    owner = await connection.fetchval("SELECT client_id FROM imports")
    await connection.close()
    scopes = frozenset({"imports:read"})
    callers = {
        "owner": replace(SYSTEM, client_id=owner, scopes=scopes),
        "stranger": replace(SYSTEM, scopes=scopes),
        "auditor": replace(SYSTEM, scopes=scopes | {"audit:read"}),
    }
    seen = {}
    for name, caller in callers.items():
        one = await services.db.read(caller, lambda tx: queries.import_document(tx, found["id"]))
        job = await services.db.read(caller, lambda tx: queries.job_document(tx, found["id"]))
        listed = await services.db.read(caller, lambda tx: queries.imports(tx, kind=None, before=None, limit=9))
        seen[name] = (one is not None, job is not None, len(listed))
    assert seen == {"owner": (True, True, 1), "stranger": (False, False, 0), "auditor": (True, True, 1)}
