"""What becomes of each receipt of a push, once it is known what the database holds. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from pydantic_core import PydanticCustomError

from app.catalog.models import UNKNOWN_STORE
from app.core.caller import SYSTEM, Caller
from app.core.errors import FieldError, Problem
from app.customers.identifiers import Identifier, normalise
from app.till.prepare import NOBODY, Prepared, Who
from app.till.queries import Known, Taken

UNKNOWN = "unknown_customer"
INVALID = "invalid_identifier"
AMBIGUOUS = "ambiguous_customer"


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose a receipt becomes: a customer's, a new one's by its identifier, or (neither) the walk-in's, and why."""

    customer: str | None = None
    identifier: Identifier | None = None
    flags: tuple[str, ...] = ()

    @property
    def is_walk_in(self) -> bool:
        """Whether nobody is known."""
        return self.customer is None and self.identifier is None


@dataclass(slots=True)
class Plan:
    """By place of the receipt: what is refused, whose number is taken, what repeats an earlier one, what is written."""

    refused: dict[int, Problem] = field(default_factory=dict)
    taken: dict[int, Taken] = field(default_factory=dict)
    repeats: dict[int, int] = field(default_factory=dict)
    owners: dict[int, Owner] = field(default_factory=dict)


@dataclass(slots=True)
class Named:
    """Whom the receipts name, after their stores have told how to read phone numbers."""

    who: list[Who]
    identifiers: list[Identifier]


def reread(prepared: Prepared, known: Known, stores: dict[str, int]) -> Named:
    """Read the phone numbers again that were read for another region than their store's."""
    named = Named(list(prepared.who), list(prepared.identifiers))
    places = {identifier.key: place for place, identifier in enumerate(named.identifiers)}
    for place, who in enumerate(prepared.who):
        store = known.stores.get(stores[prepared.stores[place]])
        if who.region is None or store is None or store.region == who.region:
            continue
        try:
            found = normalise("phone", who.typed, None, store.region)
        except PydanticCustomError:
            named.who[place] = Who(invalid=True, create=who.create)
            continue
        at = places.setdefault(found.key, len(named.identifiers))
        if at == len(named.identifiers):
            named.identifiers.append(found)
        named.who[place] = Who(identifier=at, create=who.create)
    return named


def planned(prepared: Prepared, known: Known, named: Named, stores: dict[str, int], caller: Caller) -> Plan:
    """Sort the receipts out. A key that is bound to a store knows no other."""
    plan = Plan()
    first: dict[tuple[str, str], int] = {}
    create = may_create(caller)
    coming: set[int] = set()
    for place, number in enumerate(zip(prepared.sources, prepared.numbers, strict=True)):
        store = prepared.stores[place]
        if stores[store] not in known.stores or caller.store not in {None, store}:
            detail = "There is no such store."
            plan.refused[place] = Problem(UNKNOWN_STORE, detail, [FieldError("/store", "unknown_store", detail)])
        elif place in known.numbers:
            plan.taken[place] = known.numbers[place]
        elif first.setdefault(number, place) != place:
            plan.repeats[place] = first[number]
        else:
            who = named.who[place]
            # Who is created for an earlier receipt of this push is known to the later ones.
            who = who._replace(create=who.create or who.identifier in coming)
            plan.owners[place] = owner(who, known, named.identifiers, may_create=create)
            if plan.owners[place].identifier is not None:
                coming.add(who.identifier)
    return plan


def may_create(caller: Caller) -> bool:
    """Whether this caller's receipts may bring new customers into being."""
    return caller.may("customers:write") or caller == SYSTEM


def owner(who: Who, known: Known, identifiers: Sequence[Identifier], *, may_create: bool) -> Owner:
    """Whose a receipt becomes that names its customer like this."""
    if who.invalid:
        return Owner(flags=(INVALID,))
    if who.customer != NOBODY:
        return _by_id(known.customers.get(who.customer))
    if who.identifier == NOBODY:
        return Owner()
    if who.identifier in known.holders:
        holder = known.holders[who.identifier]
        return Owner(holder) if holder else Owner(flags=(AMBIGUOUS,))
    return Owner(identifier=identifiers[who.identifier]) if who.create and may_create else Owner(flags=(UNKNOWN,))


def _by_id(found: tuple[str, bool] | None) -> Owner:
    if found is None:
        return Owner(flags=(UNKNOWN,))
    customer, walk_in = found
    return Owner() if walk_in else Owner(customer)
