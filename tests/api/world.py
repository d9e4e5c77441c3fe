"""A small company made through the API, and one valid request for every operation of the OpenAPI document.

The access matrix and the bad-input corpus walk this table; a new route without an entry fails them.
"""

from __future__ import annotations

import copy
import itertools
import re
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

# The tests of the documentation compare it to what the code says; making it takes seconds.
DOCUMENT = Path(__file__).parents[2] / "openapi" / "openapi.json"
_numbers = itertools.count(1)
# The company once it was built in this process: other folders' tests use it too.
KEPT: dict[str, Any] = {}


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
    # Names of the path that stand for another record of the world than usual: one in the right state.
    instead: dict[str, str] = field(default_factory=dict)


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


PROVENANCE = {"channel": "rented_list", "collector": "emp-7", "collected_at": "2026-11-01T09:00:00+08:00",
              "licence_end": "2030-12-31"}  # fmt: skip
ADDRESS = {"kind": "delivery", "country": "CN", "region": "Guizhou", "city": "Guiyang", "district": "Yunyan",
           "street": "Zhonghua Road 1", "postcode": "550001", "recipient": "张伟", "note": "Ring twice",
           "latitude": "26.59", "longitude": "106.71",
           "provenance": PROVENANCE}  # fmt: skip
CONTACT = {"role": "key_person", "title": "Buyer", "authority": "decides", "standing": "Asked by all", "name": "李娜",
           "birthday": {"month": 5, "day": 4, "year": 1980}, "likes": ["tea"], "note": "Mornings",
           "phones": ["138 5555 0000"], "email": "li@example.com", "address": "Office 3",
           "provenance": PROVENANCE}  # fmt: skip
ATTRIBUTE = {"label": "Shoe size", "type": "choice", "choices": ["41", "42"], "pii": "none", "field_group": "basic",
             "kinds": ["person"], "weight": 2, "fresh_days": 900, "question": "What size?"}  # fmt: skip


def profile() -> dict[str, Any]:
    """A value of every type that a profile can hold."""
    return {
        "education": {"level": "master"}, "career": {"last_promotion": "2024-03-01", "promotion_cycle_months": 24},
        "family": {"members": [{"relation": "child", "name": "小明", "birthday": {"month": 6, "day": 1, "year": 2018},
                                "note": "Likes trains"}]},
        "life": {"hobbies": ["tea", "badminton"]}, "personality": {"beliefs": "None told"},
        "nature": {"ownership": "private"}, "buying_habits": {"tenders": False}, "standing": {"annual_revenue": 100},
        "custom": {"size": "42"},
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
        "profile": profile(), "provenance": PROVENANCE,
    }  # fmt: skip


STORE = {"name": "First", "kind": "own", "region": "south", "city": "Guiyang", "time_zone": "Asia/Shanghai",
         "currency": "CNY", "phone_region": "CN", "latitude": "26.5783", "longitude": "106.7135"}  # fmt: skip
PLACE = {"name": "Fair", "latitude": "26.6", "longitude": "106.7"}
PRODUCT = {"name": "Tea", "category": "food/tea", "brand": "B", "list_price": 1600, "cost": 1200,
           "replaces_after_days": 30, "upgrade_of": None}  # fmt: skip

TREE = {"op": "or", "items": [
    {"op": "in", "field": "home_store", "values": [{"text": "{store}"}], "not": False},
    {"op": "compare", "left": {"aggregate": "sum", "of": "lines.net", "window": {"last": 3, "unit": "days"}},
     "comparator": ">", "right": {"money": 100}, "including_missing": False},
    {"op": "within_km", "field": "location", "km": "5", "of": {"latitude": "26.6", "longitude": "106.7"}},
    {"op": "in_segment", "segment": "{segment_id}"},
]}  # fmt: skip

NEW = {"id": "{uuid}", "occurred_at": "2026-11-20T12:30:00+08:00", "by": "emp-3"}
RECORDS: dict[str, dict[str, Any]] = {
    "interaction": {"channel": "phone", "direction": "outbound", "reached": True, "topic": "delivery",
                    "note": "Asks for Friday", "follow_up_at": "2026-11-27T09:00:00+08:00"},
    "complaint": {"about": "delivery", "severity": "critical", "subject": "Broken on arrival",
                  "customer_did": ["told_us", "asked_compensation"], "due_at": "2026-11-21T12:00:00+08:00",
                  "channel": "phone", "note": "Lid cracked", "owner": "emp-4", "store": "{store}",
                  "product": "TEA-1", "receipt_id": "{receipt_id}"},
    "promise": {"promise": "A new lid by Friday", "due_at": "2026-11-27T18:00:00+08:00", "owner": "emp-4",
                "complaint_id": "{complaint_id}", "note": "Free of charge"},
    "survey": {"survey": "autumn", "channel": "app", "product": "TEA-1", "alternative": "The other shop",
               "recommend": 9, "repurchase_intention": 5, "willingness_to_pay": 3, "promotion_liking": 2,
               "reward_liking": 4, "then_did": ["bought_again", "told_others"], "comment": "Fine",
               "dimensions": [{"dimension": "delivery", "expected": 4, "perceived": 5}],
               "benefits": [{"benefit": "quality", "score": 5, "alternative": 3}],
               "sacrifices": [{"sacrifice": "price", "score": 2, "alternative": 4}],
               "shares": [{"category": "food/tea", "share": "0.35"}]},
    "suggestion": {"suggestion": "Open on Sundays", "about": "service", "channel": "store", "owner": "emp-4"},
    "need": {"category": "food/tea", "need": "Tea for guests", "stage": "comparing", "met": False,
             "stated_by": "customer", "desire": "Spring harvest", "means": "ample", "budget": 50000, "note": "By May"},
    "loss": {"reason": "price", "stated_by": "customer", "lost_to": "The other shop", "category": "food/tea",
             "won_back_on": "2026-11-25", "note": "Said so at the till"},
    "care": {"kind": "gift", "occasion": "birthday", "what": "A tin of tea", "planned_for": "2026-12-01",
             "planned_cost": 3000, "channel": "visit", "owner": "emp-4", "note": "Not green tea"},
    "development_plan": {"goal": "In all four of their shops", "review_on": "2027-01-15", "owner": "emp-4",
                         "steps": [{"what": "A tasting", "who": "emp-4", "due_on": "2026-12-10", "done_on": None}],
                         "note": "They know of it"},
}  # fmt: skip
PLURALS = {"loss": "losses", "care": "care", "development_plan": "development-plans"}
RULES = {"rules": [{"code": "after-tea", "title": "Ask how the tea was", "trigger": "receipt", "category": "food/tea",
                    "days": 14, "assignee": "store", "enabled": True}]}  # fmt: skip


def engagement() -> dict[str, Sample]:
    """Samples of the routes that are the same for every kind of record."""
    found: dict[str, Sample] = {}
    for one, record in RECORDS.items():
        many = PLURALS.get(one, f"{one}s")
        path = f"/v1/customers/{{customer_id}}/{many}"
        scope = "engagement:write" if one in {"promise", "loss", "care", "development_plan"} else "engagement:record"
        found |= {
            f"GET {path}": Sample("engagement:read", query={"limit": "5"}),
            f"POST {path}": Sample(scope, body={**NEW, **record}, status=201),
            f"GET {path}/{{{one}_id}}": Sample("engagement:read"),
        }
        if one != "survey":
            patch = Sample("engagement:write", body={"by": "emp-5", **record}, headers={"If-Match": '"1"'})
            found[f"PATCH {path}/{{{one}_id}}"] = patch
    actions: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
        "complaints/{complaint_id}/start": ({"owner": "emp-4", "note": "Mine"}, {}),
        "complaints/{complaint_id}/resolve": (
            {"outcome": "replaced", "outcome_note": "A new lid", "compensation_cost": 1500, "satisfied_after": True,
             "then_did": ["bought_again"], "note": "Sent on Friday"}, {}
        ),
        "complaints/{complaint_id}/reopen": (
            {"due_at": "2026-12-01T09:00:00+08:00", "owner": "emp-4", "note": "Cracked again"},
            {"complaint_id": "resolved_complaint_id"},
        ),
        "promises/{promise_id}/keep": ({"note": "On time"}, {}),
        "promises/{promise_id}/break": ({"note": "Out of stock"}, {}),
        "suggestions/{suggestion_id}/accept": ({"outcome_note": "From May on", "owner": "emp-4", "note": "ok"}, {}),
        "suggestions/{suggestion_id}/decline": ({"outcome_note": "Nobody comes", "owner": "emp-4", "note": "no"}, {}),
        "suggestions/{suggestion_id}/complete": (
            {"outcome_note": "We are open", "owner": "emp-4", "note": "done"},
            {"suggestion_id": "accepted_suggestion_id"},
        ),
        "care/{care_id}/complete": ({"cost": 2800, "note": "Was glad"}, {}),
        "care/{care_id}/cancel": ({"note": "Moved away"}, {}),
        "development-plans/{development_plan_id}/complete": ({"note": "In all of them"}, {}),
        "development-plans/{development_plan_id}/abandon": ({"note": "Shops were closed"}, {}),
        "development-plans/{development_plan_id}/reopen": (
            {"note": "A fifth shop"}, {"development_plan_id": "achieved_plan_id"},
        ),
    }  # fmt: skip
    for path, (body, instead) in actions.items():
        found[f"POST /v1/customers/{{customer_id}}/{path}"] = Sample("engagement:write", body=body, instead=instead)
    return found


PLAN = {"planned": 1000, "currency": "CNY"}


def warned() -> dict[str, Sample]:
    """Samples of the routes of a warning's life."""
    path, later = "/v1/warnings/{warning_id}", "2099-12-01T09:00:00+08:00"
    taken = {"owner": "emp-3", "due_at": later, "note": "Calling today"}
    done = {"outcome": "promised", "cause": "Moved house", "finding": "Invoice lost", "remedy": "Sent again",
            "promise": {"amount": 500, "due_on": "2099-12-20"}, "note": "ok"}  # fmt: skip
    actions: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
        "acknowledge": (taken, {}), "snooze": ({"until": later, "note": "Harvest"}, {}), "investigate": (taken, {}),
        "assign": (taken, {}), "resolve": (done, {}),
        "reopen": ({"note": "Not paid after all"}, {"warning_id": "resolved_warning_id"}),
    }  # fmt: skip
    return {
        "GET /v1/warnings": Sample(
            "warnings:read",
            query={"limit": "5", "kind": "credit", "status": "live", "store": "{store}", "due_before": later},
        ),
        "GET /v1/warnings/counts": Sample("warnings:read", query={"status": "live", "kind": "credit"}),
        "GET /v1/warnings/times": Sample("warnings:read", query={"first": "2026-11-01", "last": "2026-11-30"}),
        f"GET {path}": Sample("warnings:read"),
        f"GET {path}/comments": Sample("warnings:read", query={"limit": "5"}),
        f"POST {path}/comments": Sample("warnings:write", body={"text": "Is away", "by": "emp-3"}, status=201),
        **{
            f"POST {path}/{action}": Sample("warnings:write", body=body, instead=instead)
            for action, (body, instead) in actions.items()
        },
        "POST /v1/warnings/batch": Sample(
            "warnings:write", body={"items": [{"id": "{warning_id}", "action": "acknowledge", **taken}]}
        ),
    }


def plans() -> dict[str, Sample]:
    """Samples of the routes that are the same for sales plans and expense budgets."""
    found: dict[str, Sample] = {}
    for many in ("sales-plans", "expense-budgets"):
        path = f"/v1/customers/{{customer_id}}/{many}"
        phased = {**PLAN, "monthly_amounts": [200, 300, 500], "monthly_shares": None}
        copy = {"from_period": "2026-Q3", "to_period": "2026-Q4", "factor": "1.5", "replace": True, "dry_run": False,
                "customer_ids": ["{customer_id}"], "account_manager": None, "home_store": None}  # fmt: skip
        found |= {
            f"GET {path}": Sample("credit:read", query={"limit": "5"}, hides=True),
            f"GET {path}/{{period}}": Sample("credit:read", hides=True),
            f"PUT {path}/{{period}}": Sample(
                "credit:write",
                body={**PLAN, "monthly_amounts": None, "monthly_shares": ["0.2", "0.3", "0.5"]},
                headers={"If-Match": '"1"'},
            ),
            f"DELETE {path}/{{period}}": Sample("credit:write", headers={"If-Match": '"1"'}, status=204),
            f"POST /v1/{many}/batch": Sample(
                "credit:write", body={"items": [{"customer_id": "{customer_id}", "period": "2026-Q2", **phased}]}
            ),
            f"POST /v1/{many}/copies": Sample("credit:write", body=copy),
        }
    return found


PROGRESS_RULE = {"enabled": True, "tolerance_percent": 5, "early_days": 9, "early_tolerance_percent": 10,
                 "from_percent": 10, "critical_percent": 25, "hold_on": ["far_behind"], "cooling_days": 7}  # fmt: skip
EXPENSE_RULE = {"enabled": True, "budget_percent": 100, "forecast_from_percent": 25, "share_days": 90,
                "share_factor_percent": 150, "trend_percent": 20, "hold_on": ["above_budget"], "again_percent": 110,
                "cooling_days": 7}  # fmt: skip

SAMPLES: dict[str, Sample] = {
    "GET /v1/idempotency/{key}": Sample("requests:read", own=True),
    "GET /v1/changes": Sample("feed:read", query={"limit": "5", "types": "receipt.recorded", "wait": "0"}),
    "GET /v1/stores": Sample("catalog:read", query={"limit": "5"}),
    "GET /v1/stores/{code}": Sample("catalog:read"),
    "PUT /v1/stores/{code}": Sample("catalog:write", body=STORE),
    "POST /v1/stores/batch": Sample("catalog:write", body={"items": [{"code": "{fresh}", **STORE}]}),
    "GET /v1/products": Sample("catalog:read", query={"limit": "5"}),
    "GET /v1/places/{code}": Sample("catalog:read"),
    "PUT /v1/places/{code}": Sample("catalog:write", body=PLACE),
    "GET /v1/places": Sample("catalog:read", query={"limit": "5"}),
    "GET /v1/products/{code}": Sample("catalog:read"),
    "PUT /v1/products/{code}": Sample("catalog:write", body=PRODUCT),
    "POST /v1/products/batch": Sample("catalog:write", body={"items": [{"code": "{fresh}", **PRODUCT}]}),
    "GET /v1/categories": Sample("catalog:read", query={"limit": "5"}),
    "POST /v1/categories/batch": Sample("catalog:write", body={"items": [{"path": "food/tea", "name": "Tea"}]}),
    "POST /v1/customers": Sample("customers:write", body=customer(), status=201),
    "POST /v1/customers/batch": Sample("customers:write", body={"items": [customer()]}),
    "GET /v1/customers": Sample("customers:read", query={"limit": "5", "kind": "person", "account_manager": "emp-7"}),
    "GET /v1/customers/{customer_id}": Sample("customers:read", hides=True),
    "PATCH /v1/customers/{customer_id}": Sample(
        "customers:write",
        body={"display_name": "New", "profile": profile(), "provenance": PROVENANCE},
        headers={"If-Match": '"1"'},
    ),
    "PUT /v1/customers/by-external/{system}/{value}": Sample(
        "customers:write", body={"display_name": "Outside"}, status=201
    ),
    "POST /v1/customers/{customer_id}/identifiers": Sample(
        "customers:write", body={"kind": "chat", "system": "wechat", "value": "{fresh}", "provenance": PROVENANCE},
        headers={"If-Match": '"1"'},
    ),
    "DELETE /v1/customers/{customer_id}/identifiers/{identifier_id}": Sample(
        "customers:write", headers={"If-Match": '"1"'}
    ),
    "GET /v1/customers/attributes": Sample("customers:read"),
    "GET /v1/custom-attributes": Sample("customers:read"),
    "PUT /v1/custom-attributes/{name}": Sample("customers:admin", body=ATTRIBUTE),
    "GET /v1/customers/{customer_id}/provenance": Sample("customers:read", hides=True),
    "GET /v1/customers/{customer_id}/completeness": Sample("customers:read", hides=True),
    "POST /v1/customers/{customer_id}/confirm": Sample(
        "customers:write", body={"paths": ["birthday", "phone"], "provenance": PROVENANCE}
    ),
    "GET /v1/profile-quality/periods": Sample(
        "customers:read",
        query={"since": "2026-01-01", "until": "2026-12-31", "by": "week", "of": "collector", "store": "{store}",
               "collector": "emp-3", "limit": "5"},
    ),
    "GET /v1/profile-quality": Sample("customers:read", query={"since": "2026-01-01", "until": "2026-12-31"}),
    "GET /v1/customers/{customer_id}/addresses": Sample("customers:read", hides=True),
    "POST /v1/customers/{customer_id}/addresses": Sample("customers:write", body=ADDRESS, status=201),
    "PATCH /v1/customers/{customer_id}/addresses/{address_id}": Sample(
        "customers:write", body=ADDRESS, headers={"If-Match": '"1"'}
    ),
    "POST /v1/customers/{customer_id}/addresses/{address_id}/confirm": Sample(
        "customers:write", body={"provenance": PROVENANCE}
    ),
    "DELETE /v1/customers/{customer_id}/addresses/{address_id}": Sample(
        "customers:write", headers={"If-Match": '"1"'}, status=204
    ),
    "GET /v1/customers/{customer_id}/contacts": Sample("customers:read", hides=True),
    "POST /v1/customers/{customer_id}/contacts": Sample("customers:write", body=CONTACT, status=201),
    "PATCH /v1/customers/{customer_id}/contacts/{contact_id}": Sample(
        "customers:write", body=CONTACT, headers={"If-Match": '"1"'}
    ),
    "POST /v1/customers/{customer_id}/contacts/{contact_id}/confirm": Sample(
        "customers:write", body={"provenance": PROVENANCE}
    ),
    "DELETE /v1/customers/{customer_id}/contacts/{contact_id}": Sample(
        "customers:write", headers={"If-Match": '"1"'}, status=204
    ),
    "GET /v1/customers/{customer_id}/relationships": Sample("customers:read", query={"limit": "5"}, hides=True),
    "POST /v1/customers/{customer_id}/relationships": Sample(
        "customers:write", body={"other": "{other_id}", "kind": "colleague", "since": "2020-01-01", "note": "A team"},
        status=201,
    ),
    "PATCH /v1/customers/{customer_id}/relationships/{relationship_id}": Sample(
        "customers:write", body={"kind": "friend", "since": None, "note": "Now a friend"}, headers={"If-Match": '"1"'}
    ),
    "DELETE /v1/customers/{customer_id}/relationships/{relationship_id}": Sample(
        "customers:write", headers={"If-Match": '"1"'}, status=204
    ),
    "PUT /v1/customers/{customer_id}/assignment": Sample(
        "customers:assign", body={"account_manager": "emp-7", "sponsor": "emp-1", "reason": "New district"},
        headers={"If-Match": '"1"'},
    ),
    "PUT /v1/customers/{customer_id}/grade": Sample(
        "customers:assign", body={"grade": "A"}, headers={"If-Match": '"1"'}
    ),
    "GET /v1/customers/{customer_id}/assignments": Sample("customers:read", query={"limit": "5"}, hides=True),
    "POST /v1/handovers": Sample(
        "customers:assign",
        body={"customers": ["{customer_id}"], "to": {"account_manager": "emp-9", "sponsor": None}, "reason": "Leaves",
              "dry_run": False},
        status=201,
    ),
    "GET /v1/handovers": Sample("customers:assign", query={"limit": "5"}),
    "GET /v1/handovers/{handover_id}": Sample("customers:assign"),
    "POST /v1/customers/read": Sample("customers:read", body={"ids": ["{customer_id}"]}),
    "GET /v1/customers/snapshot": Sample("customers:read"),
    "GET /v1/customers/lookup": Sample("customers:read", query={"phone": "13812345678"}),
    "POST /v1/customers/lookup": Sample("customers:read", body={"phone": "13812345678"}),
    "GET /v1/customers/search": Sample("customers:read", query={"q": "zhang wei", "limit": "5"}),
    "POST /v1/customers/search": Sample("customers:read", body={"q": "zhang wei", "limit": 5}),
    "GET /v1/customers/{customer_id}/standing": Sample(
        "customers:read", query={"amount": "5000", "on_account": "true", "language": "ko"}, hides=True
    ),
    "GET /v1/customers/{customer_id}/card": Sample("customers:read", query={"language": "zh"}, hides=True),
    "GET /v1/customers/{customer_id}/consents": Sample(
        "customers:read", query={"history": "true", "purpose": "marketing", "limit": "5"}, hides=True
    ),
    "POST /v1/customers/{customer_id}/consents": Sample(
        "customers:write",
        body={"purpose": "marketing", "channel": "sms", "partner": "acme", "state": "granted", "source": "till",
              "proof": "Form 7, signed", "decided_at": "2026-11-20T12:30:00+08:00"},
        status=201,
    ),
    "GET /v1/customers/{customer_id}/may-contact": Sample(
        "customers:read",
        query={"purpose": "marketing", "channel": "phone", "partner": "acme", "agent": "emp-3",
               "at": "2026-11-20T12:30:00+08:00"},
        hides=True,
    ),
    "GET /v1/customers/{customer_id}/contact-policy": Sample("customers:read", hides=True),
    "PUT /v1/customers/{customer_id}/contact-policy": Sample(
        "customers:write",
        body={"do_not_call": False, "preferred_channel": "chat", "time_zone": "Asia/Shanghai",
              "hours": [{"days": [1, 2, 3], "start": "09:00", "end": "20:30"}],
              "cap": {"most": 3, "within_days": 30}, "wanted_days": 14},
        status=201,
    ),
    "POST /v1/customers/{customer_id}/contact-reservations": Sample(
        "customers:write", body={"agent": "emp-3", "channel": "phone", "minutes": 20}, status=201
    ),
    "POST /v1/contact-reservations/{reservation_id}/release": Sample("customers:write"),
    "POST /v1/customers/{customer_id}/contact-log": Sample(
        "customers:write",
        body={"channel": "phone", "reached": True, "at": "2026-11-20T12:30:00+08:00", "agent": "emp-3"}, status=201,
    ),
    "GET /v1/contacts-due": Sample(
        "customers:read", query={"store": "{store}", "before": "2026-12-01", "limit": "5"}
    ),
    "POST /v1/merges": Sample(
        "customers:merge",
        body={"winner": "{customer_id}", "loser": "{spare_id}", "reason": "One person",
              "choices": {"display_name": "winner", "career.occupation": "loser"}},
        status=201,
    ),
    "GET /v1/merges": Sample("customers:merge", query={"limit": "5", "customer_id": "{merged_into_id}"}),
    "GET /v1/merges/{merge_id}": Sample("customers:merge"),
    "POST /v1/merges/{merge_id}/undo": Sample("customers:merge"),
    "GET /v1/duplicate-candidates": Sample(
        "customers:read",
        query={"limit": "5", "status": "open", "customer_id": "{customer_id}", "min_score": "10", "store": "{store}"},
    ),
    "GET /v1/duplicate-candidates/{candidate_id}": Sample("customers:read", hides=True),
    "POST /v1/duplicate-candidates/{candidate_id}/dismiss": Sample(
        "customers:write", body={"reason": "family", "note": "Mother and daughter"}
    ),
    "POST /v1/duplicate-candidates/{candidate_id}/reopen": Sample(
        "customers:write", instead={"candidate_id": "dismissed_candidate_id"}
    ),
    "POST /v1/duplicate-candidates/sweeps": Sample("customers:admin", status=202),
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
        "credit:write",
        body={"limit": 100000, "term_days": 30, "currency": "CNY", "status": "active", "review_on": "2027-01-31"},
    ),
    "GET /v1/credit-accounts": Sample(
        "credit:read", query={"review_by": "2027-12-31", "status": "active", "limit": "5"}
    ),
    "GET /v1/credit-changes": Sample(
        "credit:read", query={"status": "all", "customer_id": "{other_id}", "limit": "5"}
    ),
    "GET /v1/credit-changes/{change_id}": Sample("credit:read"),
    "POST /v1/credit-changes/{change_id}/confirm": Sample("credit:confirm"),
    "POST /v1/credit-changes/{change_id}/refuse": Sample("credit:confirm", body={"reason": "Too new"}),
    "GET /v1/customers/{customer_id}/open-charges": Sample("credit:read", query={"limit": "5"}, hides=True),
    "GET /v1/customers/{customer_id}/ageing": Sample("credit:read", hides=True),
    "GET /v1/customers/{customer_id}/receivables": Sample("credit:read", query={"limit": "5"}, hides=True),
    "POST /v1/customers/{customer_id}/receivables/batch": Sample(
        "credit:write",
        body={"items": [
            {"external_id": "{fresh}", "kind": "payment", "amount": 50, "occurred_on": "2026-11-01", "due_on": None,
             "note": "Invoice 7",
             "allocations": [{"external_id": "bill", "amount": 20}, {"id": "{charge_id}", "amount": 10}]},
        ]},
    ),
    "POST /v1/credit-authorisations": Sample(
        "credit:authorise",
        body={"customer_id": "{merged_into_id}", "amount": 100, "minutes": 5, "store": "{store}", "till": "3",
              "receipt": {"source": "till", "number": "{fresh}"}},
        status=201,
    ),
    "POST /v1/credit-allowances": Sample(
        "credit:authorise",
        body={"customer_id": "{merged_into_id}", "amount": 100, "hours": 5, "store": "{store}", "till": "3"},
        status=201,
    ),
    "GET /v1/credit-allowances/keys": Sample("credit:authorise"),
    "GET /v1/credit-allowances/{allowance_id}": Sample("credit:authorise"),
    "POST /v1/credit-allowances/{allowance_id}/end": Sample("credit:authorise"),
    "GET /v1/credit-authorisations/{authorisation_id}": Sample("credit:authorise"),
    "POST /v1/credit-authorisations/{authorisation_id}/capture": Sample(
        "credit:authorise", body={"receipt": {"source": "till", "number": "{fresh}"}}
    ),
    "POST /v1/credit-authorisations/{authorisation_id}/release": Sample("credit:authorise"),
    **plans(),
    "GET /v1/customers/{customer_id}/expenses": Sample("credit:read", query={"limit": "5"}, hides=True),
    "POST /v1/customers/{customer_id}/expenses/batch": Sample(
        "credit:write",
        body={"items": [
            {"external_id": "{fresh}", "kind": "travel", "amount": -100, "occurred_on": "2026-11-02", "by": "emp-7",
             "note": "Was too much", "corrects": "trip"},
        ]},
    ),
    **warned(),
    "POST /v1/warnings/evaluations": Sample(
        "warnings:write", body={"kinds": ["credit"], "customer_ids": ["{customer_id}"]}
    ),
    "GET /v1/warning-rules/{kind}": Sample("warnings:read"),
    "PUT /v1/warning-rules/credit": Sample(
        "warnings:admin",
        body={"enabled": True, "notice_percent": 80, "critical_percent": 120, "cooling_days": 3,
              "handling": {"owner": "emp-1", "escalate_to": "emp-2", "notice_hours": 100, "warning_hours": 48,
                           "critical_hours": 12}},
    ),
    "PUT /v1/warning-rules/loss": Sample(
        "warnings:admin",
        body={"enabled": True, "late_percent": 80, "risk_percent": 90, "risk_chance_percent": 50,
              "lost_chance_percent": 10, "horizon_days": 90, "occasions": 2, "silent_days": 365, "cooling_days": 30},
    ),
    "GET /v1/opportunities": Sample(
        "warnings:read",
        query={"limit": "5", "kind": "welcome", "status": "open", "owner": "emp-7", "store": "{store}",
               "customer_id": "{customer_id}", "language": "ko"},
    ),
    "GET /v1/opportunities/counts": Sample(
        "warnings:read",
        query={"kind": "welcome", "status": "open", "owner": "emp-7", "store": "{store}",
               "customer_id": "{customer_id}"},
    ),
    "GET /v1/opportunities/{opportunity_id}": Sample("warnings:read", query={"language": "zh"}),
    "POST /v1/opportunities/{opportunity_id}/take": Sample(
        "warnings:write", body={"owner": "emp-3", "outcome": "contacted", "note": "Was glad"}
    ),
    "POST /v1/opportunities/{opportunity_id}/dismiss": Sample(
        "warnings:write", body={"reason": "no_time", "note": "Too many"}
    ),
    "POST /v1/opportunities/batch": Sample(
        "warnings:write",
        body={"items": [
            {"id": "{opportunity_id}", "action": "take", "owner": "emp-3", "outcome": "sold", "reason": None,
             "note": "At the counter"},
        ]},
    ),
    "POST /v1/opportunities/evaluations": Sample(
        "warnings:write", body={"kinds": ["welcome"], "customer_ids": ["{customer_id}"]}
    ),
    "GET /v1/opportunity-rules": Sample("warnings:read"),
    "GET /v1/opportunity-rules/{kind}": Sample("warnings:read", instead={"kind": "opportunity_kind"}),
    "PUT /v1/opportunity-rules/{kind}": Sample(
        "warnings:admin", body={"enabled": True, "priority": 3, "days_before": 5},
        instead={"kind": "opportunity_kind"},
    ),
    "PUT /v1/warning-rules/sales_progress": Sample("warnings:admin", body=PROGRESS_RULE),
    "PUT /v1/warning-rules/sales_expense": Sample("warnings:admin", body=EXPENSE_RULE),
    "GET /v1/warning-rules/{kind}/overrides": Sample("warnings:read", query={"limit": "5", "by": "grade"}),
    "GET /v1/warning-rules/{kind}/overrides/{by}/{key}": Sample("warnings:read", instead={"key": "override_key"}),
    "DELETE /v1/warning-rules/{kind}/overrides/{by}/{key}": Sample(
        "warnings:admin", status=204, instead={"key": "override_key"}
    ),
    **{
        f"PUT /v1/warning-rules/{kind}/overrides/{{by}}/{{key}}": Sample(
            "warnings:admin", body={"settings": settings, "priority": 1}, status=200 if kind == "credit" else 201,
            instead={"key": "override_key"},
        )
        for kind, settings in (
            ("credit", {"enabled": True, "notice_percent": 80, "critical_percent": 120, "cooling_days": 3}),
            ("loss", {"enabled": True, "late_percent": 80, "risk_percent": 90, "risk_chance_percent": 50,
                      "lost_chance_percent": 10, "horizon_days": 90, "occasions": 2, "silent_days": 365,
                      "cooling_days": 30}),
            ("sales_progress", PROGRESS_RULE), ("sales_expense", EXPENSE_RULE),
        )
    },
    "POST /v1/customers/{customer_id}/holds": Sample("warnings:write", body={"reason": "Cheque returned"}, status=201),
    "POST /v1/holds/{hold_id}/release": Sample("warnings:write", body={"reason": "Paid in full"}),
    **engagement(),
    "GET /v1/complaints": Sample(
        "engagement:read",
        query={"limit": "5", "status": "live", "owner": "emp-4", "about": "delivery", "severity": "critical",
               "store": "{store}", "due_before": "2026-12-01T00:00:00Z"},
    ),
    "GET /v1/promises": Sample(
        "engagement:read",
        query={"limit": "5", "state": "open", "owner": "emp-4", "due_before": "2026-12-01T00:00:00Z"},
    ),
    "GET /v1/tasks": Sample(
        "engagement:read",
        query={"limit": "5", "status": "open", "owner": "emp-4", "store": "{store}", "reason": "complaint",
               "customer_id": "{customer_id}", "due_before": "2026-12-01T00:00:00Z"},
    ),
    "GET /v1/tasks/{task_id}": Sample("engagement:read"),
    "POST /v1/tasks/{task_id}/assign": Sample(
        "engagement:write", body={"owner": "emp-9", "due_at": "2026-12-01T09:00:00+08:00", "note": "Please"}
    ),
    "POST /v1/tasks/{task_id}/complete": Sample("engagement:write", body={"note": "Called"}),
    "POST /v1/tasks/{task_id}/cancel": Sample("engagement:write", body={"note": "Not needed"}),
    "GET /v1/follow-up-rules": Sample("engagement:read"),
    "PUT /v1/follow-up-rules": Sample("engagement:admin", body=RULES),
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
        "segments:read",
        body={"text": "status = 'active'", "as_of": "2026-11-21", "sample": 3, "against": "{segment_id}"},
    ),
    "POST /v1/segments/composition": Sample(
        "segments:read",
        body={"tree": {"op": "missing", "field": "language", "not": True}, "as_of": "2026-11-21", "unit": "year",
              "field": "contact.wanted_days", "measure": "contact.wanted_days", "limit": 5,
              "cuts": [{"number": "3"}, {"number": "30"}]},
    ),
    "POST /v1/segments/{segment_id}/difference": Sample(
        "segments:read", body={"tree": {"op": "missing", "field": "language"}, "as_of": "2026-11-21", "sample": 3}
    ),
    "GET /v1/segments/{segment_id}/overlap/{other_id}": Sample(
        "segments:read", query={"as_of": "2026-11-21", "sample": "3"}, instead={"other_id": "list_id"}
    ),
    "GET /v1/segments/{segment_id}/versions": Sample("segments:read", query={"limit": "5"}),
    "POST /v1/segments/{segment_id}/members/batch": Sample(
        "segments:write",
        body={"items": [
            {"identifier": {"kind": "external", "system": "crm", "value": "L-1"}, "action": "add"},
        ]},
        instead={"segment_id": "list_id"},
    ),
    "POST /v1/segments/{segment_id}/exports": Sample(
        "segments:write",
        body={"format": "ndjson", "columns": ["display_name", "net_365d"], "as_of": "2026-11-21"},
        status=202,
    ),
    "GET /v1/segments/{segment_id}/exports": Sample("segments:read", query={"limit": "5"}),
    "GET /v1/segments/{segment_id}/exports/{export_id}": Sample("segments:read", own=True),
    "GET /v1/segments/{segment_id}/exports/{export_id}/content": Sample("segments:read", own=True, status=409),
    "POST /v1/segments/{segment_id}/snapshots": Sample(
        "segments:write",
        body={"field": "contact.wanted_days", "measure": "contact.wanted_days", "limit": 5, "unit": "month",
              "as_of": "2026-11-21", "cuts": [{"number": "3"}]},
        status=201,
    ),
    "GET /v1/segments/{segment_id}/snapshots": Sample("segments:read", query={"limit": "5", "field": "home.city"}),
    "POST /v1/segments": Sample(
        "segments:write",
        body={"name": "{fresh}", "kind": "question", "description": "Some",
              "tree": {"op": "missing", "field": "language", "not": True}, "materialised": True},
        status=201,
    ),
    "GET /v1/segments": Sample("segments:read", query={"limit": "5"}),
    "GET /v1/segments/{segment_id}": Sample("segments:read"),
    "PATCH /v1/segments/{segment_id}": Sample(
        "segments:write", body={"name": "{fresh}", "text": "status = 'lost'", "materialised": True},
        headers={"If-Match": '"1"'},
    ),
    "DELETE /v1/segments/{segment_id}": Sample("segments:write", headers={"If-Match": '"1"'}, status=204),
    "GET /v1/segments/{segment_id}/count": Sample("segments:read", query={"as_of": "2026-11-21", "live": "true"}),
    "GET /v1/segments/{segment_id}/changes": Sample(
        "segments:read", query={"from": "{kept_since}", "to": "2199-01-01", "limit": "5"},
        instead={"segment_id": "kept_id"},
    ),
    "GET /v1/segments/{segment_id}/members": Sample("segments:read", query={"limit": "5"}),
    "GET /v1/segments/{segment_id}/explain/{customer_id}": Sample("segments:read", hides=True),
    "GET /v1/customers/{customer_id}/segments": Sample("segments:read", query={"limit": "5"}, hides=True),
    "POST /v1/api-keys": Sample(
        "keys:admin",
        body={"name": "extra", "role": "pos", "store": "{store}", "staff": "emp-7", "reach": "own",
              "masked": ["contact"]},
        status=201,
    ),
    "GET /v1/api-keys": Sample("keys:admin", query={"limit": "5"}),
    "GET /v1/api-keys/{key_id}": Sample("keys:admin"),
    "POST /v1/api-keys/{key_id}/rotate": Sample("keys:admin", body={"grace_seconds": 60}, status=201),
    "POST /v1/api-keys/{key_id}/revoke": Sample("keys:admin"),
    "GET /v1/audit": Sample("audit:read", query={"limit": "5"}),
    "GET /v1/customers/{customer_id}/export": Sample("privacy:export"),
    "GET /v1/customers/{customer_id}/export.html": Sample("privacy:export"),
    "POST /v1/erasures": Sample(
        "privacy:erase", status=201,
        body={"customer_id": "{other_id}", "reason": "request", "reference": "T-7",
              "requested_at": "2026-11-20T12:30:00+08:00"},
    ),
    "GET /v1/erasures": Sample("privacy:erase", query={"limit": "5"}),
    "GET /v1/erasures/keys": Sample("privacy:erase"),
    "GET /v1/erasures/{erasure_id}": Sample("privacy:erase"),
    "GET /v1/retention": Sample("privacy:erase"),
}  # fmt: skip


_NAME = re.compile(r"\{(\w+)\}")


def _named(found: re.Match[str], names: dict[str, str]) -> str:
    name = found[1]
    if name in names:
        return names[name]
    return str(uuid.uuid4()) if name == "uuid" else f"F{next(_numbers)}" if name == "fresh" else found[0]


def filled(value: Any, names: dict[str, str]) -> Any:
    """`value` with `{name}` replaced; `{fresh}` and `{uuid}` are new each time."""
    if isinstance(value, str):
        return _NAME.sub(lambda found: _named(found, names), value) if "{" in value else value
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
    (await client.put("/v1/places/S01", json=PLACE)).raise_for_status()
    (await client.put("/v1/custom-attributes/size", json=ATTRIBUTE)).raise_for_status()
    names["name"] = "size"
    made = await client.post("/v1/customers", json=filled(customer(), names), headers={"Idempotency-Key": "a-key"})
    made.raise_for_status()
    names["customer_id"] = made.json()["id"]
    names["identifier_id"] = made.json()["identifiers"][0]["id"]
    known = {"kind": "external", "system": "crm", "value": "L-1"}
    other = await client.post("/v1/customers", json={"display_name": "Other", "identifiers": [known]})
    names["other_id"] = other.json()["id"]
    base = f"/v1/customers/{names['customer_id']}"
    for name, more in (
        ("addresses", ADDRESS), ("contacts", CONTACT), ("relationships", {"other": names["other_id"], "kind": "parent"})
    ):  # fmt: skip
        added = await client.post(f"{base}/{name}", json=more)
        added.raise_for_status()
        names[{"addresses": "address_id"}.get(name, f"{name[:-1]}_id")] = added.json()["id"]
    body = filled(receipt(), names) | {"customer": {"id": names["customer_id"]}}
    pushed = await client.post("/v1/receipts", json=body)
    pushed.raise_for_status()
    names["receipt_id"] = pushed.json()["id"]
    names |= await build_money(client, base)
    names["warning_id"] = (await client.get("/v1/warnings")).json()["data"][0]["id"]
    held = await client.post(f"/v1/customers/{names['customer_id']}/holds", json={"reason": "Until it is paid"})
    held.raise_for_status()
    names["hold_id"], names["kind"] = held.json()["id"], "credit"
    names["by"], names["override_key"] = "grade", "A"
    await client.put("/v1/warning-rules/credit/overrides/grade/A", json={"settings": {"notice_percent": 70}})
    other = await client.post("/v1/customers", json={"display_name": "On the line"})
    other.raise_for_status()
    names["resolved_warning_id"] = await build_resolved(client, other.json()["id"])
    names |= await build_merge(client)
    path = f"/v1/customers/{other.json()['id']}/contact-reservations"
    reserved = await client.post(path, json={"agent": "emp-9", "minutes": 240})
    reserved.raise_for_status()
    names["reservation_id"] = reserved.json()["id"]
    names |= await build_engagement(client, names)
    names |= await build_opportunity(client, names["customer_id"])
    handed = await client.post(
        "/v1/handovers", json={"account_manager": "emp-1", "to": {"account_manager": "emp-2"}, "reason": "Nobody's"}
    )
    handed.raise_for_status()
    names["handover_id"] = handed.json()["id"]
    key = await client.post("/v1/api-keys", json={"name": "to be managed", "role": "pos"})
    key.raise_for_status()
    names["key_id"] = key.json()["id"]
    names |= await build_segments(client)
    upload = await client.post(
        "/v1/imports", params={"kind": "customers"}, content=b"display_name,card\nA,9\n",
        headers={"Content-Type": "text/csv"},
    )  # fmt: skip
    upload.raise_for_status()
    names["import_id"] = names["job_id"] = upload.json()["id"]
    return names


async def build_segments(client: httpx.AsyncClient) -> dict[str, str]:
    """A question, a list, and a file of the question's members that waits to be written."""
    names = {}
    for name, body in (
        ("segment_id", {"name": "active", "text": "status = 'active'"}),
        ("list_id", {"name": "listed", "kind": "list"}),
        ("kept_id", {"name": "kept", "text": "status = 'active'", "materialised": True}),
    ):  # fmt: skip
        saved = await client.post("/v1/segments", json=body)
        saved.raise_for_status()
        names[name] = saved.json()["id"]
    export = await client.post(f"/v1/segments/{names['segment_id']}/exports", json={"columns": ["display_name"]})
    export.raise_for_status()
    return {**names, "export_id": export.json()["id"]}


async def build_money(client: httpx.AsyncClient, base: str) -> dict[str, str]:
    """A customer who owes more than it may, with plans for a period and an expense."""
    (await client.put(f"{base}/credit", json={"limit": 100, "term_days": 30})).raise_for_status()
    # Of the bill there is enough for whoever names it.
    charges = (("open", 300), ("bill", 10**6))
    owed = {"items": [{"external_id": name, "kind": "charge", "amount": amount} for name, amount in charges]}
    entered = await client.post(f"{base}/receivables/batch", json=owed)
    entered.raise_for_status()
    for many in ("sales-plans", "expense-budgets"):
        (await client.put(f"{base}/{many}/2026-Q3", json=PLAN)).raise_for_status()
    trip = {"items": [{"external_id": "trip", "kind": "travel", "amount": 5 * 10**13}]}
    (await client.post(f"{base}/expenses/batch", json=trip)).raise_for_status()
    return {"period": "2026-Q3", "charge_id": entered.json()["results"][1]["id"]}


async def build_resolved(client: httpx.AsyncClient, customer: str) -> str:
    """A warning about a customer who has paid; its id."""
    path = f"/v1/customers/{customer}/receivables/batch"
    for kind in ("charge", "payment"):
        item = {"external_id": kind, "kind": kind, "amount": 300}
        (await client.post(path, json={"items": [item]})).raise_for_status()
    found = await client.get("/v1/warnings", params={"customer_id": customer, "status": "resolved"})
    return str(found.json()["data"][0]["id"])


async def build_opportunity(client: httpx.AsyncClient, customer: str) -> dict[str, str]:
    """A promise that is due, as a reason to turn to its customer."""
    about = {"customer_ids": [customer], "kinds": ["promise_due"]}
    (await client.post("/v1/opportunities/evaluations", json=about)).raise_for_status()
    found = await client.get("/v1/opportunities", params={"customer_id": customer, "kind": "promise_due"})
    return {"opportunity_id": found.json()["data"][0]["id"], "opportunity_kind": "birthday"}


async def build_merge(client: httpx.AsyncClient) -> dict[str, str]:
    """Two who are one already, one who may still be merged, and one who was erased."""
    made = {}
    for name in ("merged_into_id", "old_id", "spare_id"):
        answer = await client.post("/v1/customers", json={"display_name": name})
        made[name] = answer.json()["id"]
    both = {"winner": made["merged_into_id"], "loser": made["old_id"]}
    merged = await client.post("/v1/merges", json=both)
    merged.raise_for_status()
    path = f"/v1/customers/{made['merged_into_id']}/credit"
    (await client.put(path, json={"limit": 10**9, "term_days": 30})).raise_for_status()
    wanted = {"customer_id": made["merged_into_id"], "amount": 10}
    reserved = await client.post("/v1/credit-authorisations", json=wanted)
    reserved.raise_for_status()
    allowed = await client.post("/v1/credit-allowances", json={**wanted, "till": "3"})
    allowed.raise_for_status()
    made |= {"merge_id": merged.json()["id"], "authorisation_id": reserved.json()["id"]}
    made["allowance_id"] = allowed.json()["id"]
    return {**made, "erasure_id": await build_erasure(client)}


async def build_erasure(client: httpx.AsyncClient) -> str:
    """Somebody who was erased; the id of the erasure."""
    gone = await client.post("/v1/customers", json={"display_name": "Erased"})
    erased = await client.post("/v1/erasures", json={"customer_id": gone.json()["id"], "reason": "request"})
    erased.raise_for_status()
    return str(erased.json()["id"])


async def build_engagement(client: httpx.AsyncClient, names: dict[str, str]) -> dict[str, str]:
    """A record of every kind, and of some kinds another one in a later state."""
    made: dict[str, str] = {}

    async def post(path: str, body: Any) -> str:
        sent = filled(body, {**names, **made})
        answer = await client.post(f"/v1/customers/{names['customer_id']}/{path}", json=sent)
        answer.raise_for_status()
        return str(answer.json()["id"])

    for one, record in RECORDS.items():
        made[f"{one}_id"] = await post(PLURALS.get(one, f"{one}s"), record)
    resolved = await post("complaints", RECORDS["complaint"])
    accepted = await post("suggestions", RECORDS["suggestion"])
    await post(f"complaints/{resolved}/resolve", {"outcome": "solved"})
    await post(f"suggestions/{accepted}/accept", {})
    achieved = await post("development-plans", RECORDS["development_plan"])
    await post(f"development-plans/{achieved}/complete", {})
    return {**made, "resolved_complaint_id": resolved, "accepted_suggestion_id": accepted, "achieved_plan_id": achieved}


def request(client: httpx.AsyncClient, operation: str, names: dict[str, str], **changes: Any) -> httpx.Request:
    """The sample request of `METHOD /path`; `changes` replace query, body, raw or headers."""
    method, path = operation.split(" ")
    sample = SAMPLES[operation]
    names = {**names, **{name: names[other] for name, other in sample.instead.items()}}
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
