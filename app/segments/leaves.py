"""The check of one predicate: does its field exist, and does it take this operator and these values? Pure."""

from collections.abc import Collection as Some
from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from app.core.fields import AGGREGATED, OPERATORS, Collection, Consents, Field, FieldType, Registry, Spread
from app.segments.grammar import COMPARATORS, LATER_COLLECTIONS
from app.segments.reader import MEANT, near
from app.segments.tree import (
    Aggregate,
    Anniversary,
    Between,
    Compare,
    Consent,
    During,
    FieldTerm,
    Leaf,
    Match,
    Missing,
    Near,
    OneOf,
    Rank,
    Ratio,
    Rows,
    Sample,
    Sequence,
)  # fmt: skip
from app.segments.values import (
    MONEY_MAX,
    After,
    Before,
    DateValue,
    MoneyValue,
    NamedPlace,
    Node,
    NumberValue,
    Span,
    TextValue,
    TruthValue,
)  # fmt: skip

Path = tuple[str | int, ...]
_TEXTS = frozenset({FieldType.TEXT, FieldType.CHOICE, FieldType.CATEGORY})
_VALUES: dict[FieldType, type[Node]] = {
    FieldType.NUMBER: NumberValue,
    FieldType.MONEY: MoneyValue,
    FieldType.DATE: DateValue,
    FieldType.BOOLEAN: TruthValue,
    **dict.fromkeys(_TEXTS, TextValue),
}
_WRITTEN = {
    FieldType.NUMBER: "a number such as 3 or 0.5",
    FieldType.MONEY: "an amount such as 200.00",
    FieldType.DATE: "a date such as 2026-11-21",
    FieldType.BOOLEAN: "true or false",
    **dict.fromkeys(_TEXTS, "text in quotes such as 'GY-01'"),
}
# Predicates about one field.
_OfField = OneOf | Between | Missing | Match | During | Anniversary | Near | Rank
_OPERATOR = {OneOf: "in", Between: "between", Missing: "missing", Rank: "rank", During: "during",
             Anniversary: "anniversary", Near: "within"}  # fmt: skip
_WORDS = {"missing": "is missing", "starts_with": "starts with", "rank": "in top", "in": "in (...)",
          "within": "within ... km of"}  # fmt: skip
_PLACES = ("store.updated", "place.updated")
# Stands for a field group: whoever asks must be able to know of all customers.
EVERYBODY = "everybody"


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong: where in the tree, at which node (and part of it), and what would do."""

    path: Path
    node: Node
    part: str
    code: str
    detail: str
    near: str | None = None


@dataclass(slots=True)
class Faults:
    """What is wrong with a tree."""

    all: list[Fault] = field(default_factory=list)

    def add(self, path: Path, node: Node, part: str, code: str, detail: str, near: str | None = None) -> None:
        """Note a fault. `detail` is for a person, and never quotes what was sent."""
        hint = f" Did you mean {near}?" if near else ""
        self.all.append(Fault((*path, part) if part else path, node, part, code, detail + hint, near))


@dataclass(slots=True)
class Found:
    """What the predicates of a tree use."""

    fields: list[Field] = field(default_factory=list)
    uses: set[str] = field(default_factory=set)
    segments: set[Any] = field(default_factory=set)
    grants: set[tuple[str, str]] = field(default_factory=set)
    changed_by: set[str] = field(default_factory=set)
    # Of the segments, those whose question is asked, and those whose past is.
    live: set[Any] = field(default_factory=set)
    past: set[Any] = field(default_factory=set)
    spreads: set[Spread] = field(default_factory=set)

    def add(self, name: str, used: Field | Collection | Consents) -> None:
        """Note that something of the registry is used."""
        if isinstance(used, Field):
            self.fields.append(used)
        groups = (used.group,) if isinstance(used, Consents) else used.groups
        if isinstance(used, Field | Collection) and used.spreads is not None:
            self.spreads.add(used.spreads)
        if isinstance(used, Collection) and used.of_others:
            self.grants.add((used.scope, EVERYBODY))
        self.uses.add(name)
        self.grants.update((used.scope, group) for group in groups)
        self.changed_by.update(used.changed_by)


@dataclass(frozen=True, slots=True)
class Typed:
    """The type of a term, with the values that it can have where they are few."""

    type: FieldType
    choices: tuple[str, ...] = ()


class Leaves:
    """Checks predicates one by one; what is wrong is noted in `faults`, what they use in `found`.

    `places` are the codes that a question may name; None: any.
    """

    def __init__(
        self, registry: Registry, digits: int, faults: Faults, found: Found, *, from_text: bool,
        places: Some[str] | None = None, saved: bool = False,
    ) -> None:  # fmt: skip
        self._places = places
        self._saved = saved
        self._registry = registry
        self._digits = digits
        self._faults = faults
        self._found = found
        self._from_text = from_text

    def checked(self, leaf: Leaf, path: Path, inside: str | None) -> Leaf:
        """The leaf with amounts as money. `inside` is the collection of whose rows it speaks."""
        if isinstance(leaf, Compare):
            return self._compare(leaf, path, inside)
        if isinstance(leaf, Rows):
            found = self._collection(leaf.collection, path, leaf, "collection")
            self._window_of(found, leaf.window, path, leaf)
            if leaf.op == "all" and leaf.where is None:
                self._faults.add(path, leaf, "", "no_filter", "Say what all of them are, with where.")
            return leaf
        if isinstance(leaf, Consent):
            return self._consent(leaf, path)
        if isinstance(leaf, Sample):
            return leaf
        if isinstance(leaf, Sequence):
            return self._sequence(leaf, path)
        assert isinstance(leaf, _OfField)  # noqa: S101  `check` keeps the rest to itself
        return self._of_field(leaf, path, inside)

    # --- predicates ---------------------------------------------------------------------------------------------------

    def _of_field(self, leaf: _OfField, path: Path, inside: str | None) -> Leaf:
        used = self._field(leaf.field, path, leaf, inside)
        if used is None:
            return leaf
        operator = leaf.op if isinstance(leaf, Match) else _OPERATOR[type(leaf)]
        if operator not in used.operators:
            allowed = ", ".join(_WORDS.get(each, each) for each in used.operators)
            self._faults.add(path, leaf, "", "operator", f"{_kind(used.type).capitalize()} takes {allowed}.")
            return leaf
        if isinstance(leaf, OneOf):
            values = tuple(self._value(each, used, (*path, "values", i)) for i, each in enumerate(leaf.values))
            return leaf.model_copy(update={"values": values})
        if isinstance(leaf, Between):
            return self._between(leaf, used, path)
        if isinstance(leaf, Match):
            return self._match(leaf, used, path)
        if isinstance(leaf, During | Anniversary):
            self.window(leaf.window, path, leaf)
        if isinstance(leaf, Near) and isinstance(leaf.of, NamedPlace):
            self._place(leaf.of, path, leaf)
        return leaf

    def _place(self, of: NamedPlace, path: Path, leaf: Near) -> None:
        self._found.changed_by.update(_PLACES)
        if self._places is not None and of.place not in self._places:
            what = "There is no store or place of this code that has coordinates."
            meant = near(of.place, self._places) if len(self._faults.all) < MEANT else None
            self._faults.add(path, leaf, "of", "unknown_place", what, meant)

    def _consent(self, leaf: Consent, path: Path) -> Leaf:
        known = self._registry.consents
        parts = {
            "purpose": (leaf.purpose, known.purposes),
            "channel": (leaf.channel, known.channels),
            "state": (leaf.state, known.states),
        }
        for part, (value, allowed) in parts.items():
            if value not in allowed:
                what = f"The {part} is one of {', '.join(allowed)}."
                self._faults.add(path, leaf, part, "unknown_value", what, near(value, allowed))
        self._found.add("consent", known)
        return leaf

    def _sequence(self, leaf: Sequence, path: Path) -> Sequence:
        for index, step in enumerate(leaf.steps):
            found = self._collection(step.collection, (*path, "steps", index), step, "collection")
            if found is not None and found.day is None:
                what = f"{found.name} have no day, so that nothing comes after another."
                self._faults.add((*path, "steps", index), step, "collection", "no_day", what)
        self.window(leaf.window, path, leaf)
        return leaf

    def _compare(self, leaf: Compare, path: Path, inside: str | None) -> Compare:
        left = self._term(leaf.left, (*path, "left"), inside)
        if left is None:
            return leaf
        allowed = [each for each in COMPARATORS if each in OPERATORS[left.type]]
        if leaf.comparator not in allowed:
            what = f"It can be compared with {', '.join(allowed)}." if allowed else "It cannot be compared."
            self._faults.add(path, leaf, "comparator", "operator", what)
            return leaf
        if not isinstance(leaf.right, FieldTerm | Aggregate | Ratio):
            value = self._value(leaf.right, left, (*path, "right"))
            return leaf.model_copy(update={"right": value})
        right = self._term(leaf.right, (*path, "right"), inside)
        if right is not None and right.type is not left.type and not {right.type, left.type} <= _TEXTS:
            what = f"One side is {_kind(left.type)}, the other {_kind(right.type)}."
            self._faults.add(path, leaf, "right", "type", what)
        return leaf

    def _between(self, leaf: Between, used: Field, path: Path) -> Between:
        low = self._value(leaf.low, used, (*path, "low"))
        high = self._value(leaf.high, used, (*path, "high"))
        if type(low) is type(high) and _order(low) > _order(high):
            self._faults.add(path, leaf, "low", "empty_range", "Write the lower value first.")
        return leaf.model_copy(update={"low": low, "high": high})

    def _match(self, leaf: Match, used: Field, path: Path) -> Match:
        value = self._value(leaf.value, used, (*path, "value"))
        if isinstance(value, TextValue) and not value.text:
            self._faults.add(path, leaf, "value", "empty_text", "This text may not be empty.")
        return leaf.model_copy(update={"value": value})

    # --- names --------------------------------------------------------------------------------------------------------

    def _term(self, term: Node, path: Path, inside: str | None) -> Typed | None:
        if isinstance(term, Ratio):
            return self._ratio(term, path, inside)
        if isinstance(term, Aggregate):
            return self._aggregate(term, path, inside)
        assert isinstance(term, FieldTerm)  # noqa: S101  the other kind of term
        used = self._field(term.field, path, term, inside)
        return Typed(used.type, used.choices) if used else None

    def _ratio(self, term: Ratio, path: Path, inside: str | None) -> Typed | None:
        above, below = self._term(term.ratio, (*path, "ratio"), inside), self._term(term.to, (*path, "to"), inside)
        if above is None or below is None:
            return None
        if above.type is not below.type or above.type not in {FieldType.NUMBER, FieldType.MONEY}:
            self._faults.add(path, term, "", "type", "A ratio is of two numbers or of two amounts.")
            return None
        return Typed(FieldType.NUMBER)

    def _field(self, name: str, path: Path, node: Node, inside: str | None) -> Field | None:
        collection = self._registry.collections.get(inside or "")
        known = collection.by_name if collection else self._registry.fields
        used = known.get(name)
        if used is not None:
            self._found.add(f"{inside}.{name}" if collection else name, used)
            return used
        head, _, rest = name.partition(".")
        if collection is not None and head == collection.name and rest in known:
            what, meant = "Inside the filter of a collection its fields stand alone.", rest
        elif collection is None and head in self._registry.collections:
            what = f"{head} are many for one customer: ask with sum(...), last(...), any(...) or the like."
            meant = None
        else:
            of = f" of {collection.name}" if collection else ""
            what, meant = f"There is no field{of} of this name.", near(name, known)
        self._faults.add(path, node, "field", "unknown_field_name", what, meant)
        return None

    def _collection(self, name: str, path: Path, node: Node, part: str) -> Collection | None:
        found = self._registry.collections.get(name)
        if found is not None:
            self._found.add(name, found)
        elif name in LATER_COLLECTIONS:
            self._faults.add(path, node, part, "not_offered", f"The collection {name} is not offered yet.")
        else:
            known = self._registry.collections
            what = f"There is no collection of this name; there are {', '.join(known)}."
            self._faults.add(path, node, part, "unknown_collection", what, near(name, known))
        return found

    def _window_of(self, found: Collection | None, window: Node | None, path: Path, node: Node) -> None:
        self.window(window, path, node)
        # Such windows could be saved, and said nothing.
        if window is not None and found is not None and found.day is None and not self._saved:
            what = f"{found.name} have no day, so that no time can be asked for."
            self._faults.add(path, node, "window", "no_day", what)

    def _aggregate(self, term: Aggregate, path: Path, inside: str | None) -> Typed | None:
        if inside is not None:
            detail = "A function inside the filter of a collection is not offered yet."
            self._faults.add(path, term, "", "not_offered", detail)
            return None
        name, _, rest = term.of.partition(".")
        collection = self._collection(name, path, term, "of")
        self._window_of(collection, term.window, path, term)
        if collection is None:
            return None
        if term.distinct and (term.aggregate != "count" or not rest):
            self._faults.add(path, term, "distinct", "operator", "distinct goes with the count of a field.")
        return self._aggregated(term, collection, rest, path)

    def _aggregated(self, term: Aggregate, collection: Collection, name: str, path: Path) -> Typed | None:
        """The type of what comes out."""
        used = collection.by_name.get(name)
        if not name and term.aggregate == "count":
            return Typed(FieldType.NUMBER)
        if not name:
            what = f"Say which field, as in {term.aggregate}({collection.name}.{collection.fields[0].name})."
            self._faults.add(path, term, "of", "operator", what)
        elif used is None:
            what = f"There is no field of {collection.name} of this name."
            self._faults.add(path, term, "of", "unknown_field_name", what, near(name, collection.by_name))
        elif used.type not in AGGREGATED[term.aggregate]:
            kinds = _listed(_kind(each) for each in FieldType if each in AGGREGATED[term.aggregate])
            self._faults.add(path, term, "of", "type", f"{term.aggregate}(...) takes {kinds}.")
        else:
            self._found.add(term.of, used)
            return Typed(FieldType.NUMBER) if term.aggregate == "count" else Typed(used.type, used.choices)
        return None

    # --- windows and values -------------------------------------------------------------------------------------------

    def window(self, window: Node | None, path: Path, node: Node) -> None:
        """Note what is wrong with the window of a node."""
        if isinstance(window, Span) and window.start > window.to:
            self._faults.add(path, node, "window", "empty_range", "Write the earlier date first.")
        if isinstance(node, Anniversary) and isinstance(window, Before | After):
            detail = "An anniversary needs a window with two ends, such as during next 14 days."
            self._faults.add(path, node, "window", "open_window", detail)

    def _value(self, value: Node, typed: Field | Typed, path: Path) -> Node:
        """The value as this type has it; a number in a text is an amount where an amount is meant."""
        if typed.type is FieldType.MONEY and self._from_text and isinstance(value, NumberValue):
            return self._money(value, path)
        wanted = _VALUES.get(typed.type)
        if wanted is None or not isinstance(value, wanted):
            detail = f"This is {_kind(typed.type)}; compare it with {_WRITTEN.get(typed.type, 'nothing')}."
            if typed.type is FieldType.MONEY and not self._from_text:
                detail = 'This is an amount; write it in minor units, as {"money": 20000}.'
            self._faults.add(path, value, "", "type", detail)
        elif isinstance(value, TextValue) and typed.choices and value.text not in typed.choices:
            what = f"It is one of {', '.join(typed.choices)}."
            self._faults.add(path, value, "", "unknown_value", what, near(value.text, typed.choices))
        return value

    def _money(self, value: NumberValue, path: Path) -> Node:
        minor = value.decimal.scaleb(self._digits)
        if minor != minor.to_integral_value():
            self._faults.add(path, value, "", "decimals", f"An amount has at most {self._digits} decimals.")
            return value
        if abs(minor) > MONEY_MAX:
            self._faults.add(path, value, "", "too_large", "This amount is too large.")
            return value
        return MoneyValue(money=int(minor))


def _kind(kind: FieldType) -> str:
    named = {FieldType.MONEY: "an amount", FieldType.TEXT: "text", FieldType.BOOLEAN: "true or false"}
    return named.get(kind, f"a {kind.value}")


def _listed(words: Iterable[str]) -> str:
    found = list(words)
    return ", ".join(found[:-1]) + " or " + found[-1] if len(found) > 1 else "".join(found)


def _order(value: Node) -> Decimal | int | Any:
    if isinstance(value, NumberValue):
        return value.decimal
    if isinstance(value, MoneyValue):
        return value.money
    return value.date if isinstance(value, DateValue) else 0
