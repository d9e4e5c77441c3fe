"""Declaring the company's own attributes of customers."""

import uuid
from typing import Any

from sqlalchemy import func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from app.access.audit import AuditEntry
from app.core.db import Tx
from app.core.errors import FieldError, Problem
from app.core.ids import COMPANY
from app.customers import queries
from app.customers.models import ATTRIBUTE_FIXED, TOO_MANY_ATTRIBUTES, CustomAttribute
from app.customers.profile import CUSTOM_MAX
from app.feed.outbox import Event, announce

# Audit rows name records by UUID; what has a name has this one, always the same.
_SPACE = uuid.UUID("5f0a3c9e-8f5b-5d0e-9a64-7f7f6f6b0c11")


async def declare(tx: Tx, name: str, given: dict[str, Any]) -> tuple[int, bool]:
    """Declare an attribute, or change how it is described; (version, whether it is new).

    Raises Problem `attribute_fixed`: its type stays, and choices may be added, not taken away, because values may be
    stored; `too_many_attributes`.
    """
    held = await queries.attribute(tx, name)
    if held is None:
        if await _new(tx, name, given):
            await _announce(tx, name, 1, "create", tuple(sorted(given)))
            return 1, True
        held = await queries.attribute(tx, name)
    if held is None:
        raise Problem(TOO_MANY_ATTRIBUTES)
    attribute, version = held
    if attribute.type.value != given["type"]:
        raise Problem(ATTRIBUTE_FIXED, errors=[FieldError("/type", "attribute_fixed", "The type stays as it is.")])
    if not set(attribute.choices) <= set(given["choices"]):
        detail = "Choices may be added, not taken away."
        raise Problem(ATTRIBUTE_FIXED, detail, [FieldError("/choices", "attribute_fixed", detail)])
    row = CustomAttribute
    same = {
        "label": attribute.label, "choices": list(attribute.choices), "kinds": list(attribute.kinds),
        "pii": attribute.pii.value, "field_group": attribute.group, "weight": attribute.weight,
        "fresh_days": attribute.fresh_days, "question": attribute.question or None, "type": attribute.type.value,
    }  # fmt: skip
    changed = tuple(sorted(part for part in same if same[part] != given[part]))
    if not changed:
        return version, False
    values = {**{part: given[part] for part in changed}, "version": version + 1, "updated_at": tx.now}
    await tx.execute(update(row).where(row.name == name).values(**values))
    await _announce(tx, name, version + 1, "update", changed)
    return version + 1, False


async def _new(tx: Tx, name: str, given: dict[str, Any]) -> bool:
    """Insert it, unless somebody was faster or there is no room for more."""
    row = {"name": name, "version": 1, "created_at": tx.now, "updated_at": tx.now, **given}
    columns = CustomAttribute.__table__.c
    count = select(func.count()).select_from(CustomAttribute).scalar_subquery()
    source = select(*(literal(value, columns[part].type) for part, value in row.items())).where(count < CUSTOM_MAX)
    made = insert(CustomAttribute).from_select([*row], source).on_conflict_do_nothing()
    return bool(await tx.rows(made.returning(CustomAttribute.name)))


async def _announce(tx: Tx, name: str, version: int, verb: str, fields: tuple[str, ...]) -> None:
    event = Event("attribute.updated", COMPANY, name, version)
    entry = AuditEntry(f"attribute.{verb}", "attribute", uuid.uuid5(_SPACE, name), fields=fields)
    await announce(tx, [event], [entry])
