"""Bodies for the customer record, consent and contact, and for finding customers."""

from typing import Any

# An id that the sender chose.
CUSTOMER = "0199d3a1-7c52-7b6e-9a41-2f7f0c6d8e11"

_SURVEY = {"channel": "survey", "collector": "emp-12", "collected_at": "2026-11-20T10:15:00+08:00"}
_PERSON = {
    "kind": "person", "display_name": "王芳", "given_name": "芳", "family_name": "王", "reading": "Wang Fang",
    "gender": "female", "birthday": {"month": 9, "day": 21, "year": None}, "language": "zh-Hans", "home_store": "S01",
    "identifiers": [
        {"kind": "phone", "value": "139 0851 2345"},
        {"kind": "email", "value": "fang.wang@example.com"},
        {"kind": "card", "value": "8600 1234"},
    ],
    "profile": {
        "family": {"members": [{"relation": "child", "name": "小明", "birthday": {"month": 6, "day": 1}}]},
        "life": {"hobbies": ["tea", "badminton"]},
    },
    "provenance": _SURVEY,
}  # fmt: skip
_ADDRESS = {
    "kind": "delivery", "country": "CN", "region": "Guizhou", "city": "Guiyang", "district": "Yunyan",
    "street": "Zhonghua Road 18", "postcode": "550001", "recipient": "王芳", "note": "Leave it with the porter",
    "provenance": _SURVEY,
}  # fmt: skip
_KEY_PERSON = {
    "role": "buyer", "title": "Head of purchasing", "authority": "decides", "standing": "Asked by the whole house",
    "name": "李娜", "birthday": {"month": 5, "day": 4, "year": 1980}, "likes": ["tea", "opera"],
    "phones": ["138 5555 0000"], "email": "na.li@example.com", "address": "Office 3, second floor",
    "note": "Best in the morning", "provenance": _SURVEY,
}  # fmt: skip

_RECORD: dict[str, Any] = {
    "POST /v1/customers": _PERSON,
    "POST /v1/customers/batch": {
        "items": [
            {
                "display_name": "陈明",
                "identifiers": [{"kind": "phone", "value": "137 0851 7788"}],
                "collected_at": "2026-11-20T18:00:00+08:00",
            },
            {
                "kind": "business",
                "display_name": "Guiyang Tea House",
                "identifiers": [{"kind": "external", "system": "erp", "value": "D-2041"}],
                "profile": {"nature": {"ownership": "private"}},
            },
        ]
    },
    "PUT /v1/customers/by-external/{system}/{value}": {
        "display_name": "王芳",
        "home_store": "S01",
        "identifiers": [{"kind": "phone", "value": "139 0851 2345"}],
        "collected_at": "2026-11-20T18:00:00+08:00",
    },
    "PATCH /v1/customers/{customer_id}": {
        "display_name": "王芳芳",
        "birthday": {"year": 1986},
        "profile": {"life": {"hobbies": ["tea", "hiking"]}},
        "provenance": {"channel": "call_centre", "collector": "emp-3"},
    },
    "POST /v1/customers/{customer_id}/identifiers": {
        "kind": "chat", "system": "wechat", "value": "wangfang86", "provenance": _SURVEY,
    },
    "POST /v1/customers/{customer_id}/confirm": {
        "paths": ["birthday", "phone"], "provenance": {"channel": "call_centre", "collector": "emp-3"},
    },
    "PUT /v1/custom-attributes/{name}": {
        "label": "Shoe size", "type": "choice", "choices": ["41", "42"], "pii": "none", "field_group": "basic",
        "kinds": ["person"], "weight": 2, "fresh_days": 900, "question": "What size do you wear?",
    },
    "POST /v1/customers/{customer_id}/addresses": _ADDRESS,
    "PATCH /v1/customers/{customer_id}/addresses/{address_id}": {"street": "Zhonghua Road 20", "postcode": "550002"},
    "POST /v1/customers/{customer_id}/addresses/{address_id}/confirm": {
        "provenance": {"channel": "call_centre", "collector": "emp-3"},
    },
    "POST /v1/customers/{customer_id}/contacts/{contact_id}/confirm": {
        "provenance": {"channel": "call_centre", "collector": "emp-3"},
    },
    "POST /v1/customers/{customer_id}/contacts": _KEY_PERSON,
    "PATCH /v1/customers/{customer_id}/contacts/{contact_id}": {"title": "Managing director", "likes": ["tea", "golf"]},
    "POST /v1/customers/{customer_id}/relationships": {
        "other": CUSTOMER, "kind": "referrer", "since": "2024-03-01", "note": "Met at the tea fair",
    },
    "PATCH /v1/customers/{customer_id}/relationships/{relationship_id}": {"kind": "friend", "note": "From school"},
    "POST /v1/duplicate-candidates/{candidate_id}/dismiss": {
        "reason": "family", "note": "Mother and daughter: the phone is the mother's",
    },
    "POST /v1/customers/read": {"ids": [CUSTOMER]},
}  # fmt: skip

_CONTACT: dict[str, Any] = {
    "POST /v1/customers/{customer_id}/consents": {
        "purpose": "marketing", "channel": "sms", "state": "granted", "source": "till",
        "proof": "Form 7, signed in the store", "decided_at": "2026-11-20T12:30:00+08:00",
    },
    "PUT /v1/customers/{customer_id}/contact-policy": {
        "do_not_call": False, "preferred_channel": "chat", "time_zone": "Asia/Shanghai",
        "hours": [{"days": [1, 2, 3, 4, 5], "start": "09:00", "end": "20:30"}],
        "cap": {"most": 3, "within_days": 30}, "wanted_days": 14,
    },
    "POST /v1/customers/{customer_id}/contact-reservations": {"agent": "emp-3", "channel": "phone", "minutes": 20},
    "POST /v1/customers/{customer_id}/contact-log": {
        "channel": "phone", "reached": True, "at": "2026-11-20T12:30:00+08:00", "agent": "emp-3",
    },
}  # fmt: skip

_FINDING: dict[str, Any] = {
    "POST /v1/customers/lookup": {"phone": "138 1234 5678"},
    "POST /v1/customers/search": {"q": "zhang wei", "limit": 10},
}

BODIES = {**_RECORD, **_CONTACT, **_FINDING}
