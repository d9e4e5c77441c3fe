"""Roles are sets of scopes and field groups, exactly these."""

from __future__ import annotations

from typing import get_args

import pytest

from app.access.roles import COMPANY_SCOPES, ROLES, SCOPES, FieldGroup, RateClass, RoleName
from app.core.caller import FIELD_GROUPS

ALL = {"basic", "contact", "personal", "financial"}
EXPECTED = {
    "pos": (
        {"customers:read", "customers:write", "receipts:read", "receipts:write", "catalog:read", "feed:read",
         "segments:read", "engagement:record", "credit:authorise"}, ALL, "large"
    ),
    "call_center": (
        {"customers:read", "customers:write", "receipts:read", "catalog:read", "feed:read", "credit:read",
         "warnings:read", "warnings:write", "segments:read", "engagement:read", "engagement:record",
         "engagement:write", "customers:merge", "credit:authorise"},
        ALL, "standard"
    ),
    "partner": ({"customers:read"}, {"basic"}, "standard"),
    "analyst": (
        {"customers:read", "receipts:read", "catalog:read", "feed:read", "credit:read", "warnings:read",
         "segments:read", "segments:write", "engagement:read"},
        {"basic", "financial"}, "standard"
    ),
    "admin": (
        {"customers:read", "customers:write", "receipts:read", "receipts:write", "catalog:read", "catalog:write",
         "feed:read", "imports:read", "imports:write", "customers:admin", "customers:assign",
         "customers:merge", "credit:authorise",
         "keys:admin", "audit:read", "credit:read",
         "credit:write", "credit:confirm",
         "warnings:read", "warnings:write", "warnings:admin", "segments:read", "segments:write",
         "engagement:read", "engagement:record", "engagement:write", "engagement:admin",
         "privacy:export", "privacy:erase"}, ALL, "standard"
    ),
}  # fmt: skip


def test_the_roles_are_these():
    assert set(ROLES) == set(EXPECTED) == set(get_args(RoleName))


@pytest.mark.parametrize("role", EXPECTED)
def test_a_role_holds_exactly_its_scopes_and_groups(role):
    scopes, groups, rate_class = EXPECTED[role]
    found = ROLES[role]
    assert found.scopes == scopes | {"requests:read"}
    assert found.field_groups == groups
    assert found.rate_class == rate_class


def test_names_in_the_wire_types_are_those_of_the_core():
    assert set(get_args(FieldGroup)) == set(FIELD_GROUPS)
    assert {role.rate_class for role in ROLES.values()} <= set(get_args(RateClass))
    assert ROLES["admin"].scopes == SCOPES


def test_only_the_admin_holds_what_concerns_the_company():
    assert [name for name, role in ROLES.items() if role.scopes & COMPANY_SCOPES] == ["admin"]
