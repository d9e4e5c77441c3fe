"""A small company made through the API, and one valid request for every operation of the OpenAPI document.

The access matrix and the bad-input corpus walk this table; a new route without an entry fails them.
"""

from __future__ import annotations

import copy
import itertools
from dataclasses import dataclass, field
from typing import Any

import httpx

_numbers = itertools.count(1)


@dataclass
class Sample:
    """A valid request. `{name}` in path, query or body stands for a record of the world."""

    scope: str
    query: dict[str, str] = field(default_factory=dict)
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    status: int = 200
    # The path names a customer's record: a caller who may not see it gets exactly what an absent one gets.
    hides: bool = False
    # The record belongs to the client that made it (here the admin's); for every other client it is absent.
    own: bool = False


def receipt(number: str = "{fresh}") -> dict[str, Any]:
    """A receipt with every field."""
    return {
        "source": "till", "number": number, "store": "{store}", "till": "3", "kind": "sale",
        "occurred_at": "2026-11-20T12:30:00+08:00", "business_date": "2026-11-20", "currency": "CNY",
        "seller": "emp-12", "promotions": ["P1"], "purpose": "gift", "one_off": False, "extensions": {"table": "7"},
        "customer": {"identifier": {"kind": "external", "system": "crm", "value": "C-1"}},
        "on_unknown_customer": "create",
        "lines": [
            {"product": "TEA-1", "category": "food/tea", "quantity": "2", "gross": 3200, "discount": 200, "net": 3000,
             "tax": 345, "cost": 2400},
        ],
        "tenders": [{"kind": "cash", "amount": 3000}], "returns": None,
    }  # fmt: skip


def customer() -> dict[str, Any]:
    """A customer with every field."""
    return {
        "kind": "person", "display_name": "张伟", "given_name": "伟", "family_name": "张", "reading": "Zhang Wei",
        "gender": "male", "birthday": {"month": 9, "day": 21, "year": None}, "language": "zh", "home_store": "{store}",
        "identifiers": [
            {"kind": "phone", "value": "138 1234 5678"}, {"kind": "card", "value": "{fresh}"},
            {"kind": "external", "system": "crm", "value": "{fresh}"},
        ],
    }  # fmt: skip


STORE = {"name": "First", "kind": "own", "region": "south", "city": "Guiyang", "time_zone": "Asia/Shanghai",
         "currency": "CNY", "phone_region": "CN"}  # fmt: skip
PRODUCT = {"name": "Tea", "category": "food/tea", "brand": "B", "list_price": 1600, "cost": 1200,
           "replaces_after_days": 30, "upgrade_of": None}  # fmt: skip

TREE = {"op": "or", "items": [
    {"op": "in", "field": "home_store", "values": [{"text": "{store}"}], "not": False},
    {"op": "compare", "left": {"aggregate": "sum", "of": "lines.net", "window": {"last": 3, "unit": "days"}},
     "comparator": ">", "right": {"money": 100}, "including_missing": False},
    {"op": "in_segment", "segment": "{segment_id}"},
]}  # fmt: skip

SAMPLES: dict[str, Sample] = {
    "GET /v1/idempotency/{key}": Sample("requests:read", own=True),
    "GET /v1/changes": Sample("feed:read", query={"limit": "5", "types": "receipt.recorded", "wait": "0"}),
    "GET /v1/stores": Sample("catalog:read", query={"limit": "5"}),
    "GET /v1/stores/{code}": Sample("catalog:read"),
    "PUT /v1/stores/{code}": Sample("catalog:write", body=STORE),
    "POST /v1/stores/batch": Sample("catalog:write", body={"items": [{"code": "{fresh}", **STORE}]}),
    "GET /v1/products": Sample("catalog:read", query={"limit": "5"}),
    "GET /v1/products/{code}": Sample("catalog:read"),
    "PUT /v1/products/{code}": Sample("catalog:write", body=PRODUCT),
    "POST /v1/products/batch": Sample("catalog:write", body={"items": [{"code": "{fresh}", **PRODUCT}]}),
    "GET /v1/categories": Sample("catalog:read", query={"limit": "5"}),
    "POST /v1/categories/batch": Sample("catalog:write", body={"items": [{"path": "food/tea", "name": "Tea"}]}),
    "POST /v1/customers": Sample("customers:write", body=customer(), status=201),
    "POST /v1/customers/batch": Sample("customers:write", body={"items": [customer()]}),
    "GET /v1/customers": Sample("customers:read", query={"limit": "5", "kind": "person"}),
    "GET /v1/customers/{customer_id}": Sample("customers:read", hides=True),
    "PATCH /v1/customers/{customer_id}": Sample(
        "customers:write", body={"display_name": "New"}, headers={"If-Match": '"1"'}
    ),
    "PUT /v1/customers/by-external/{system}/{value}": Sample(
        "customers:write", body={"display_name": "Outside"}, status=201
    ),
    "POST /v1/customers/{customer_id}/identifiers": Sample(
        "customers:write", body={"kind": "chat", "system": "wechat", "value": "{fresh}"},
        headers={"If-Match": '"1"'},
    ),
    "DELETE /v1/customers/{customer_id}/identifiers/{identifier_id}": Sample(
        "customers:write", headers={"If-Match": '"1"'}
    ),
    "POST /v1/customers/read": Sample("customers:read", body={"ids": ["{customer_id}"]}),
    "GET /v1/customers/snapshot": Sample("customers:read"),
    "GET /v1/customers/lookup": Sample("customers:read", query={"phone": "13812345678"}),
    "POST /v1/customers/lookup": Sample("customers:read", body={"phone": "13812345678"}),
    "GET /v1/customers/search": Sample("customers:read", query={"q": "zhang wei", "limit": "5"}),
    "POST /v1/customers/search": Sample("customers:read", body={"q": "zhang wei", "limit": 5}),
    "GET /v1/customers/{customer_id}/standing": Sample("customers:read", hides=True),
    "GET /v1/customers/{customer_id}/receipts": Sample("receipts:read", query={"limit": "5"}, hides=True),
    "POST /v1/receipts": Sample("receipts:write", body=receipt(), status=201),
    "POST /v1/receipts/batch": Sample("receipts:write", body={"items": [receipt()]}),
    "GET /v1/receipts/{receipt_id}": Sample("receipts:read", hides=True),
    "POST /v1/receipts/{receipt_id}/attribution": Sample(
        "receipts:write", body={"customer": {"id": "{customer_id}"}}
    ),
    "POST /v1/receipts/{receipt_id}/void": Sample("receipts:write"),
    "GET /v1/customers/{customer_id}/credit": Sample("credit:read", hides=True),
    "PUT /v1/customers/{customer_id}/credit": Sample(
        "credit:write", body={"limit": 100000, "term_days": 30, "currency": "CNY", "status": "active"}
    ),
    "GET /v1/customers/{customer_id}/receivables": Sample("credit:read", query={"limit": "5"}, hides=True),
    "POST /v1/customers/{customer_id}/receivables/batch": Sample(
        "credit:write",
        body={"items": [
            {"external_id": "{fresh}", "kind": "charge", "amount": 500, "occurred_on": "2026-11-01",
             "due_on": "2026-12-01", "note": "Invoice 7"},
        ]},
    ),
    "GET /v1/warnings": Sample("warnings:read", query={"limit": "5", "kind": "credit", "status": "live"}),
    "GET /v1/warnings/{warning_id}": Sample("warnings:read"),
    "POST /v1/warnings/{warning_id}/acknowledge": Sample(
        "warnings:write", body={"owner": "emp-3", "due_at": "2026-12-01T09:00:00+08:00", "note": "Calling today"}
    ),
    "POST /v1/warnings/{warning_id}/resolve": Sample(
        "warnings:write",
        body={"outcome": "paid", "cause": "Moved house", "finding": "Invoice lost", "remedy": "Sent again",
              "note": "ok"},
    ),
    "POST /v1/warnings/evaluations": Sample(
        "warnings:write", body={"kinds": ["credit"], "customer_ids": ["{customer_id}"]}
    ),
    "GET /v1/warning-rules/{kind}": Sample("warnings:read"),
    "PUT /v1/warning-rules/credit": Sample(
        "warnings:admin",
        body={"enabled": True, "notice_percent": 80, "critical_percent": 120, "cooling_days": 3},
    ),
    "PUT /v1/warning-rules/loss": Sample(
        "warnings:admin",
        body={"enabled": True, "late_percent": 80, "risk_percent": 90, "risk_chance_percent": 50,
              "lost_chance_percent": 10, "horizon_days": 90, "occasions": 2, "silent_days": 365, "cooling_days": 30},
    ),
    "POST /v1/customers/{customer_id}/holds": Sample("warnings:write", body={"reason": "Cheque returned"}, status=201),
    "POST /v1/holds/{hold_id}/release": Sample("warnings:write", body={"reason": "Paid in full"}),
    "POST /v1/imports": Sample(
        "imports:write", query={"kind": "customers"}, raw=b"display_name,card\nA,9\n",
        headers={"Content-Type": "text/csv"}, status=202,
    ),
    "GET /v1/imports": Sample("imports:read", query={"limit": "5"}),
    "GET /v1/imports/{import_id}": Sample("imports:read"),
    "GET /v1/imports/{import_id}/errors": Sample("imports:read"),
    "GET /v1/jobs/{job_id}": Sample("imports:read"),
    "GET /v1/segments/fields": Sample("segments:read"),
    "POST /v1/segments/parse": Sample("segments:read", body={"tree": TREE}),
    "POST /v1/segments/preview": Sample(
        "segments:read", body={"text": "status = 'active'", "as_of": "2026-11-21", "sample": 3}
    ),
    "POST /v1/segments": Sample(
        "segments:write",
        body={"name": "{fresh}", "description": "Some", "tree": {"op": "missing", "field": "language", "not": True}},
        status=201,
    ),
    "GET /v1/segments": Sample("segments:read", query={"limit": "5"}),
    "GET /v1/segments/{segment_id}": Sample("segments:read"),
    "PATCH /v1/segments/{segment_id}": Sample(
        "segments:write", body={"name": "{fresh}", "text": "status = 'lost'"}, headers={"If-Match": '"1"'}
    ),
    "DELETE /v1/segments/{segment_id}": Sample("segments:write", headers={"If-Match": '"1"'}, status=204),
    "GET /v1/segments/{segment_id}/count": Sample("segments:read", query={"as_of": "2026-11-21"}),
    "GET /v1/segments/{segment_id}/members": Sample("segments:read", query={"limit": "5"}),
    "GET /v1/segments/{segment_id}/explain/{customer_id}": Sample("segments:read", hides=True),
    "GET /v1/customers/{customer_id}/segments": Sample("segments:read", hides=True),
    "POST /v1/api-keys": Sample("keys:admin", body={"name": "extra", "role": "pos", "store": "{store}"}, status=201),
    "GET /v1/api-keys": Sample("keys:admin", query={"limit": "5"}),
    "GET /v1/api-keys/{key_id}": Sample("keys:admin"),
    "POST /v1/api-keys/{key_id}/rotate": Sample("keys:admin", body={"grace_seconds": 60}, status=201),
    "POST /v1/api-keys/{key_id}/revoke": Sample("keys:admin"),
    "GET /v1/audit": Sample("audit:read", query={"limit": "5"}),
}  # fmt: skip


def filled(value: Any, names: dict[str, str]) -> Any:
    """`value` with `{name}` replaced; `{fresh}` is new each time."""
    if isinstance(value, str):
        for name, text in names.items():
            value = value.replace("{" + name + "}", text)
        return value.replace("{fresh}", f"F{next(_numbers)}") if "{fresh}" in value else value
    if isinstance(value, dict):
        return {key: filled(item, names) for key, item in value.items()}
    if isinstance(value, list):
        return [filled(item, names) for item in value]
    return copy.copy(value)


async def build(client: httpx.AsyncClient) -> dict[str, str]:
    """Make the company; answers the names that samples use."""
    names = {"store": "S01", "code": "S01", "system": "crm", "value": "C-77", "key": "a-key"}
    (await client.put("/v1/stores/S01", json=STORE)).raise_for_status()
    (await client.put("/v1/products/S01", json=PRODUCT)).raise_for_status()
    made = await client.post("/v1/customers", json=filled(customer(), names), headers={"Idempotency-Key": "a-key"})
    made.raise_for_status()
    names["customer_id"] = made.json()["id"]
    names["identifier_id"] = made.json()["identifiers"][0]["id"]
    body = filled(receipt(), names) | {"customer": {"id": names["customer_id"]}}
    pushed = await client.post("/v1/receipts", json=body)
    pushed.raise_for_status()
    names["receipt_id"] = pushed.json()["id"]
    limit = await client.put(f"/v1/customers/{names['customer_id']}/credit", json={"limit": 100, "term_days": 30})
    limit.raise_for_status()
    owed = {"items": [{"external_id": "open", "kind": "charge", "amount": 300}]}
    (await client.post(f"/v1/customers/{names['customer_id']}/receivables/batch", json=owed)).raise_for_status()
    names["warning_id"] = (await client.get("/v1/warnings")).json()["data"][0]["id"]
    held = await client.post(f"/v1/customers/{names['customer_id']}/holds", json={"reason": "Until it is paid"})
    held.raise_for_status()
    names["hold_id"], names["kind"] = held.json()["id"], "credit"
    key = await client.post("/v1/api-keys", json={"name": "to be managed", "role": "pos"})
    key.raise_for_status()
    names["key_id"] = key.json()["id"]
    saved = await client.post("/v1/segments", json={"name": "active", "text": "status = 'active'"})
    saved.raise_for_status()
    names["segment_id"] = saved.json()["id"]
    upload = await client.post(
        "/v1/imports", params={"kind": "customers"}, content=b"display_name,card\nA,9\n",
        headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    upload.raise_for_status()
    names["import_id"] = names["job_id"] = upload.json()["id"]
    return names


def request(client: httpx.AsyncClient, operation: str, names: dict[str, str], **changes: Any) -> httpx.Request:
    """The sample request of `METHOD /path`; `changes` replace query, body, raw or headers."""
    method, path = operation.split(" ")
    sample = SAMPLES[operation]
    given: dict[str, Any] = {"headers": {**sample.headers, **changes.get("headers", {})}}
    if changes.get("query", sample.query):
        given["params"] = filled(changes.get("query", sample.query), names)
    raw = changes.get("raw", sample.raw)
    if raw is not None:
        given["content"] = raw
        given["headers"] = {"Content-Type": "application/json", **given["headers"]}
    elif changes.get("body", sample.body) is not None:
        given["json"] = filled(changes.get("body", sample.body), names)
    return client.build_request(method, filled(path, names), **given)
