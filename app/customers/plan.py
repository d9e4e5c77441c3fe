"""Which customer each item of a batch is about: the holder of its identifiers, its own id, or a new one. Pure.

Items are taken in their order, so a later one may be about the customer that an earlier one creates.
"""

import uuid
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from app.core.batch import Status
from app.core.errors import FieldError, Problem
from app.core.ids import new_id
from app.customers.intake import Given, Item
from app.customers.models import CUSTOMER_EXISTS, IDENTIFIER_TAKEN, IDENTIFIERS_MAX, TOO_MANY_IDENTIFIERS

Key = tuple[str, str]
# What became of each item: its index -> (status, customer), or why it failed.
Outcomes = dict[int, tuple[Status, uuid.UUID] | Problem]


class Refusal(NamedTuple):
    """An identifier of a kind that was given for one record, `customer`, and is another's, the `holder`'s."""

    customer: uuid.UUID
    holder: uuid.UUID
    kind: str


@dataclass(slots=True)
class Taken(Problem):
    """409 `identifier_taken`, and between which two records that are there: they may be one."""

    refusal: Refusal | None = None


@dataclass(slots=True)
class Target:
    """A customer, the items about it, and the identifiers that they give (the last of equal ones)."""

    id: uuid.UUID
    new: bool
    items: list[tuple[int, Item]] = field(default_factory=list)
    identifiers: dict[Key, Given] = field(default_factory=dict)
    # The items that gave them: they say where they come from.
    sources: dict[Key, Item] = field(default_factory=dict)

    def add(self, index: int, item: Item) -> None:
        """One more item."""
        self.items.append((index, item))
        self.identifiers.update({given.identifier.key: given for given in item.identifiers})
        self.sources.update({given.identifier.key: item for given in item.identifiers})


def fit(plan: "Plan", kinds: Mapping[uuid.UUID, str]) -> None:
    """Fail the items whose customer cannot have what they give, for its kind; `kinds` are those of existing ones."""
    for target in list(plan.targets.values()):
        if any(item.only for _, item in target.items):
            kind, fitting = kinds.get(target.id, "person"), Target(target.id, target.new)
            for index, item in target.items:
                turned = item.fields.get("kind") or kind
                misfit = item.misfit(turned)
                if misfit is not None:
                    plan.failed[index] = misfit
                else:
                    kind = turned
                    fitting.add(index, item)
            plan.targets[target.id] = fitting
            if not fitting.items:
                del plan.targets[target.id]


@dataclass(slots=True)
class Plan:
    """Targets in the order of ids, the items that can be about none, and who held their identifiers before."""

    targets: dict[uuid.UUID, Target]
    failed: Outcomes
    holders: Mapping[Key, uuid.UUID]


def taken(given: Given, holder: uuid.UUID | None, refusal: Refusal | None = None) -> Taken:
    """409 for an identifier that another customer has; `holder` is that customer if the caller may know it."""
    pointer = f"/identifiers/{given.place}/value"
    extra = {"holder": str(holder)} if holder is not None else {}
    return Taken(
        IDENTIFIER_TAKEN,
        errors=[FieldError(pointer, "identifier_taken", IDENTIFIER_TAKEN.title + ".")],
        extra=extra,
        refusal=refusal,
    )


def primaries(identifiers: Mapping[Key, Given]) -> dict[str, tuple[str, bool]]:
    """Per kind the value that should be primary, and whether that was asked for: the last asked for, else the first."""
    chosen: dict[str, tuple[str, bool]] = {}
    for (kind, value), given in identifiers.items():
        if given.primary or kind not in chosen:
            chosen[kind] = (value, given.primary)
    return chosen


def assign(
    items: Iterable[tuple[int, Item]],
    holders: Mapping[Key, uuid.UUID],
    known: Mapping[uuid.UUID, bool],
    *,
    first_decides: bool,
    tell_holder: bool,
    hidden: Container[uuid.UUID] = (),
) -> Plan:
    """Give each item its customer.

    `holders` says who holds the items' exclusive identifiers now, `known` which of their ids exist (False: may not be
    changed). Of the `hidden` ones nothing is told. With `first_decides` only an item's first identifier finds its
    customer, the others must not be another's.
    """
    held, existing, targets, failed = dict(holders), {*holders.values(), *known}, dict[uuid.UUID, Target](), Outcomes()
    for index, item in items:
        exclusive = [given for given in item.identifiers if given.identifier.exclusive]
        deciding = exclusive[:1] if first_decides else exclusive
        owners = [held[given.identifier.key] for given in deciding if given.identifier.key in held]
        target = item.id or (owners[0] if owners else new_id())
        clash = next((given for given in exclusive if held.get(given.identifier.key, target) != target), None)
        if clash is not None:
            holder = held[clash.identifier.key]
            both = target in existing and holder in existing
            refusal = Refusal(target, holder, clash.identifier.kind) if both else None
            failed[index] = taken(clash, holder if tell_holder and holder not in hidden else None, refusal)
        elif item.id is None and target in hidden:
            failed[index] = taken(next(given for given in deciding if given.identifier.key in held), None)
        elif item.id is not None and (target in hidden or not known.get(target, True)):
            failed[index] = Problem(CUSTOMER_EXISTS)
        elif target in targets and len(targets[target].identifiers) + len(item.identifiers) > IDENTIFIERS_MAX:
            failed[index] = Problem(TOO_MANY_IDENTIFIERS)
        else:
            held.update({given.identifier.key: target for given in exclusive})
            targets.setdefault(target, Target(target, target not in existing)).add(index, item)
    return Plan(dict(sorted(targets.items())), failed, holders)
