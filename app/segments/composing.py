"""By what a composition is grouped, checked against the registry; and the composition as it goes out. Pure."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Any, NamedTuple

from app.core.caller import Caller
from app.core.errors import FORBIDDEN, INVALID, FieldError, Problem
from app.core.fields import Field, FieldType, Pii, Registry
from app.segments.outcomes import plain_number, wire
from app.segments.queries.composition import BANDED, Composition, Group, Wanted
from app.segments.reader import near
from app.segments.values import MoneyValue, NumberValue
from app.segments.windows import add_months

# In what is kept, fewer than so many are not told apart by what they said of themselves.
SMALL = 10
_MONTHS = 12


class By(NamedTuple):
    """How somebody wants a composition grouped."""

    field: str
    measure: str | None
    cuts: Sequence[NumberValue | MoneyValue] | None
    unit: str
    most: int


def wanted(by: By, registry: Registry, caller: Caller) -> Wanted:
    """The grouping. Raises Problem: there is no such field, it cannot be grouped by, or it is not granted."""
    field = _field(by.field, "field", registry)
    measure = None if by.measure is None else _field(by.measure, "measure", registry)
    errors = []
    if field.pii is Pii.IDENTIFYING:
        errors.append(FieldError("/field", "identifying", "This tells customers apart: each would be a group."))
    if field.type in {FieldType.LOCATION, FieldType.REFERENCE}:
        errors.append(FieldError("/field", "type", "Ask who is within so many km of a place instead."))
    if measure is not None and measure.type not in BANDED:
        errors.append(FieldError("/measure", "type", "Only numbers and amounts can be summed up."))
    cuts = None if by.cuts is None else _cuts(by.cuts, field, errors)
    if errors:
        raise Problem(INVALID, errors=errors)
    refuse_unless_granted(caller, [one for one in (field, measure) if one is not None])
    return Wanted(field, measure, cuts, by.unit, by.most)


def refuse_unless_granted(caller: Caller, fields: Sequence[Field]) -> None:
    """Raise Problem forbidden unless the caller may use these fields."""
    if not granted(caller, fields):
        raise Problem(FORBIDDEN, "This API key may not ask for this field.")


def granted(caller: Caller, fields: Sequence[Field]) -> bool:
    """Whether the caller may use these fields."""
    return all(caller.may(one.scope) and all(map(caller.sees, one.groups)) for one in fields)


def _field(name: str, pointer: str, registry: Registry) -> Field:
    found = registry.fields.get(name)
    if found is None:
        meant = near(name, registry.fields)
        hint = f" Did you mean {meant}?" if meant else ""
        error = FieldError(f"/{pointer}", "unknown_field_name", f"There is no field of this name.{hint}")
        raise Problem(INVALID, errors=[error])
    return found


def _cuts(
    cuts: Sequence[NumberValue | MoneyValue], field: Field, errors: list[FieldError]
) -> tuple[Decimal, ...] | None:
    kind = {FieldType.NUMBER: NumberValue, FieldType.MONEY: MoneyValue}.get(field.type)
    if kind is None:
        errors.append(FieldError("/cuts", "type", "Only numbers and amounts are put into bands."))
    elif not all(isinstance(cut, kind) for cut in cuts):
        what = '{"money": 20000}' if kind is MoneyValue else '{"number": "3"}'
        errors.append(FieldError("/cuts", "type", f"Write the bands of this field as {what}."))
    else:
        return tuple(Decimal(cut.money) if isinstance(cut, MoneyValue) else cut.decimal for cut in cuts)
    return None


def without_small(found: Composition, field: Field) -> Composition:
    """The composition as it may be kept: a few who alone said something of themselves are not told apart in it."""
    if field.pii is Pii.NONE or field.type in {*BANDED, FieldType.DATE, FieldType.BIRTHDAY}:
        return found
    small = [one for one in found.groups if one.count < SMALL]
    totals = [one.total for one in (found.others, *small) if one.total is not None]
    total = sum(totals, Decimal(0)) if totals else None
    others = Group(None, found.others.count + sum(one.count for one in small), total)
    return found._replace(groups=[one for one in found.groups if one.count >= SMALL], others=others)


def shown(found: Composition, by: Wanted, as_of: date) -> dict[str, Any]:
    """The composition as it goes out."""
    show = _Shown(found, by)
    return {
        "field": by.field.name,
        "label": by.field.label,
        "measure": None if by.measure is None else by.measure.name,
        "as_of": as_of.isoformat(),
        "count": found.whole.count,
        "total": show.total(found.whole),
        "groups": [{**show.place(one), **show.sums(one)} for one in found.groups],
        "others": show.sums(found.others),
        "missing": show.sums(found.missing),
    }


class _Shown:
    """How the groups of one composition are written."""

    def __init__(self, found: Composition, by: Wanted) -> None:
        self._whole, self._cuts, self._by = found.whole.count, found.cuts, by

    def sums(self, group: Group) -> dict[str, Any]:
        share = plain_number(round(Decimal(group.count) / self._whole, 4)) if self._whole else None
        total = {} if self._by.measure is None else {"total": self.total(group)}
        return {"count": group.count, "share": share, **total}

    def total(self, group: Group) -> dict[str, Any] | None:
        measure = self._by.measure
        return None if measure is None or group.total is None else wire(group.total, measure.type)

    def place(self, group: Group) -> dict[str, Any]:
        """The value, or where the band or period lies."""
        kind = self._by.field.type
        if kind in BANDED:
            ends = {"from": group.value - 1, "below": group.value}
            return {name: wire(self._cuts[cut], kind) for name, cut in ends.items() if 0 <= cut < len(self._cuts)}
        if kind is FieldType.DATE:
            months = 1 if self._by.unit == "month" else _MONTHS
            return {"from": wire(group.value, kind), "below": wire(add_months(group.value, months), kind)}
        if kind is FieldType.BIRTHDAY:
            return {"value": wire(group.value, FieldType.NUMBER)}
        return {"value": wire(group.value == "true" if kind is FieldType.BOOLEAN else group.value, kind)}
