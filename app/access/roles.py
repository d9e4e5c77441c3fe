"""Roles: sets of scopes and field groups. A scope is `room:action`; a route names the one it needs."""

from typing import Literal, NamedTuple

from app.core.caller import FIELD_GROUPS

SCOPES = frozenset({
    "customers:read", "customers:write", "customers:assign", "customers:admin", "customers:merge", "receipts:read",
    "receipts:write", "catalog:read", "catalog:write", "feed:read", "imports:read", "imports:write", "keys:admin",
    "audit:read", "requests:read", "segments:read", "segments:write", "credit:read", "credit:write",
    "credit:authorise", "credit:confirm", "warnings:read", "warnings:write", "warnings:admin", "engagement:read",
    "engagement:record",
    "engagement:write", "engagement:admin", "privacy:export", "privacy:erase",
})  # fmt: skip

# What concerns the whole company, and what it thinks of its customers: a key that belongs to a partner never holds
# these.
COMPANY_SCOPES = frozenset({
    "customers:admin", "keys:admin", "audit:read", "warnings:admin", "engagement:admin",
    "privacy:export", "privacy:erase",
})  # fmt: skip
STAFF_SCOPES = frozenset({
    "customers:assign", "customers:merge", "credit:read", "credit:write", "credit:authorise", "credit:confirm",
    "warnings:read", "warnings:write", "engagement:read", "engagement:record", "engagement:write", "segments:read",
    "segments:write",
})  # fmt: skip

# What shows or changes what concerns all customers: a key that reaches only some never holds these. The feed tells of
# everybody, and a file's rows are about anybody.
UNLIMITED_SCOPES = COMPANY_SCOPES | {"feed:read", "imports:read", "imports:write"}

RoleName = Literal["pos", "call_center", "partner", "analyst", "admin"]
FieldGroup = Literal["basic", "contact", "personal", "financial"]
Reach = Literal["own", "store", "region", "all"]
MaskedGroup = Literal["contact", "personal", "financial"]
RateClass = Literal["standard", "large", "bulk"]


class Role(NamedTuple):
    """What a key of this role may do and see, and how often it may call."""

    scopes: frozenset[str]
    field_groups: frozenset[str]
    rate_class: RateClass = "standard"


_EVERY_GROUP = frozenset(FIELD_GROUPS)
# What became of the caller's own requests: for everybody.
_OWN = "requests:read"

ROLES: dict[str, Role] = {
    "pos": Role(
        frozenset({
            "customers:read", "customers:write", "receipts:read", "receipts:write", "catalog:read", "feed:read",
            "segments:read", "engagement:record", "credit:authorise", _OWN,
        }),
        _EVERY_GROUP,
        "large",
    ),
    "call_center": Role(
        frozenset({
            "customers:read", "customers:write", "customers:merge", "receipts:read", "catalog:read", "feed:read",
            "segments:read", "credit:read", "credit:authorise", "warnings:read", "warnings:write", "engagement:read",
            "engagement:record", "engagement:write", _OWN,
        }),
        _EVERY_GROUP,
    ),
    # A partner sees what an agreement grants. There are no agreements yet: no customer, and no feed.
    "partner": Role(frozenset({"customers:read", _OWN}), frozenset({"basic"})),
    "analyst": Role(
        frozenset({
            "customers:read", "receipts:read", "catalog:read", "feed:read", "segments:read", "segments:write",
            "credit:read", "warnings:read", "engagement:read", _OWN,
        }),
        frozenset({"basic", "financial"}),
    ),
    "admin": Role(SCOPES, _EVERY_GROUP),
}  # fmt: skip
