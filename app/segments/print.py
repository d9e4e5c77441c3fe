"""Tree -> text, exactly: parsing the text again and checking it gives the same tree. Pure."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from app.segments.tree import (
    Aggregate,
    And,
    Anniversary,
    Between,
    Compare,
    Consent,
    During,
    Expr,
    FieldTerm,
    InSegment,
    Leaf,
    Match,
    Missing,
    Moved,
    Near,
    Not,
    OneOf,
    Or,
    Rank,
    Ratio,
    Rows,
    Sample,
    Sequence,
    Step,
    WasIn,
)  # fmt: skip
from app.segments.values import (
    After,
    Before,
    DateValue,
    Last,
    MoneyValue,
    NamedPlace,
    Next,
    Node,
    NumberValue,
    Point,
    Span,
    TextValue,
    TruthValue,
)  # fmt: skip

_UNKNOWN = "?"
_MATCH = {"contains": "contains", "starts_with": "starts with", "under": "under"}


@dataclass(frozen=True, slots=True)
class Printer:
    """Prints trees of a company whose currency has `digits` decimals; `names` are its segments' names by id."""

    digits: int
    names: Mapping[uuid.UUID, str]

    def text(self, tree: Expr) -> str:
        """The text of a tree."""
        if isinstance(tree, Or):
            return " or ".join(self._inside(item, Or) for item in tree.items)
        if isinstance(tree, And):
            return " and ".join(self._inside(item, Or, And) for item in tree.items)
        if isinstance(tree, Not):
            return f"not {self._inside(tree.item, Or, And)}"
        return self._leaf(tree)

    def _inside(self, item: Expr, *loose: type[Node]) -> str:
        return f"({self.text(item)})" if isinstance(item, loose) else self.text(item)

    def _leaf(self, leaf: Leaf) -> str:  # noqa: PLR0911  a line per kind
        if isinstance(leaf, Compare):
            compared = f"{self.term(leaf.left)} {leaf.comparator} {self.term(leaf.right)}"
            return compared + _missing(including=leaf.including_missing)
        if isinstance(leaf, Rows):
            return f"{leaf.op}({leaf.collection}{self._filter(leaf.window, leaf.where)})"
        if isinstance(leaf, InSegment | Moved | WasIn):
            return self._of_segment(leaf)
        if isinstance(leaf, Consent):
            return f"consent({quoted(leaf.purpose)}, {quoted(leaf.channel)}) = {quoted(leaf.state)}"
        if isinstance(leaf, Sample):
            return f"sample {leaf.percent}% seed {quoted(leaf.seed)}"
        if isinstance(leaf, Sequence):
            steps = " then ".join(self._step(step) for step in leaf.steps)
            return f"sequence({steps})" + (f" {window_text(leaf.window)}" if leaf.window is not None else "")
        return f"{leaf.field} {self._about(leaf)}"

    def _of_segment(self, leaf: InSegment | Moved | WasIn) -> str:
        name = quoted((leaf.name if leaf.segment is None else self.names.get(leaf.segment)) or _UNKNOWN)
        if isinstance(leaf, Moved):
            return f"{leaf.op} segment {name} {window_text(leaf.window)}"
        return f"in segment {name}" if isinstance(leaf, InSegment) else f"was in segment {name} on {iso(leaf.on)}"

    def _step(self, step: Step) -> str:
        within = f" within {_units(step.within.count, step.within.unit)}" if step.within is not None else ""
        return f"{'not ' if step.negated else ''}{step.collection}{self._filter(None, step.where)}{within}"

    def _about(  # noqa: PLR0911  a line per kind
        self, leaf: OneOf | Between | Missing | Match | During | Anniversary | Near | Rank
    ) -> str:
        """What a predicate says of its field."""
        if isinstance(leaf, OneOf):
            values = ", ".join(self.term(value) for value in leaf.values)
            return f"{'not in' if leaf.negated else 'in'} ({values})" + _missing(including=leaf.including_missing)
        if isinstance(leaf, Between):
            return f"between {self.term(leaf.low)} and {self.term(leaf.high)}"
        if isinstance(leaf, Missing):
            return "is not missing" if leaf.negated else "is missing"
        if isinstance(leaf, Match):
            return f"{_MATCH[leaf.op]} {self.term(leaf.value)}"
        if isinstance(leaf, Near):
            return f"within {leaf.km} km of {place_text(leaf.of)}"
        if isinstance(leaf, Rank):
            size = f"{leaf.size}%" if leaf.unit == "percent" else f"{leaf.size} customers"
            return f"in {leaf.end} {size}" + (f" of ({self.text(leaf.of)})" if leaf.of is not None else "")
        return ("anniversary " if isinstance(leaf, Anniversary) else "") + window_text(leaf.window)

    def term(self, term: Node) -> str:
        """The text of a term or value."""
        if isinstance(term, Aggregate):
            distinct = "distinct " if term.distinct else ""
            return f"{term.aggregate}({distinct}{term.of}{self._filter(term.window, term.where)})"
        if isinstance(term, Ratio):
            return f"ratio({self.term(term.ratio)}, {self.term(term.to)})"
        if isinstance(term, FieldTerm):
            return term.field
        return self.value(term)

    def value(self, value: Node) -> str:
        """The text of a value."""
        if isinstance(value, MoneyValue):
            return self.money(value.money)
        if isinstance(value, TextValue):
            return quoted(value.text)
        if isinstance(value, TruthValue):
            return "true" if value.boolean else "false"
        if isinstance(value, DateValue):
            return iso(value.date)
        assert isinstance(value, NumberValue)  # noqa: S101  there is no other kind
        return value.number

    def money(self, minor: int) -> str:
        """An amount of minor units with the decimals of the currency: 20000 is 200.00."""
        sign, whole = ("-" if minor < 0 else ""), str(abs(minor)).zfill(self.digits + 1)
        return f"{sign}{whole[: -self.digits]}.{whole[-self.digits :]}" if self.digits else f"{sign}{whole}"

    def _filter(self, window: Node | None, where: Expr | None) -> str:
        during = f" {window_text(window)}" if window is not None else ""
        return during + (f" where {self.text(where)}" if where is not None else "")


def place_text(place: NamedPlace | Point) -> str:
    """The text of a place."""
    return quoted(place.place) if isinstance(place, NamedPlace) else f"({place.latitude}, {place.longitude})"


def window_text(window: Node) -> str:
    """The text of a window."""
    if isinstance(window, Last):
        return f"during last {_units(window.last, window.unit)}"
    if isinstance(window, Next):
        return f"during next {_units(window.next, window.unit)}"
    if isinstance(window, Span):
        return f"from {iso(window.start)} to {iso(window.to)}"
    if isinstance(window, Before):
        return f"before {iso(window.before)}"
    assert isinstance(window, After)  # noqa: S101  there is no other kind
    return f"after {iso(window.after)}"


def _units(count: int, unit: str) -> str:
    return f"{count} {unit.removesuffix('s') if count == 1 else unit}"


def iso(day: date) -> str:
    """A date as it is written."""
    return day.isoformat()


def quoted(text: str) -> str:
    """Text as it is written."""
    return "'" + text.replace("'", "''") + "'"


def _missing(*, including: bool) -> str:
    return " including missing" if including else ""
