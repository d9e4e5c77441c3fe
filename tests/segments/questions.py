"""Random questions that are allowed, drawn from the registry: every field, operator, window and function."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from app.core.fields import AGGREGATED, Collection, Field, FieldType, Registry
from app.segments import tree as t
from app.segments import values as v
from tests.segments.accounts import AMOUNTS
from tests.segments.belongings import POINTS
from tests.segments.company import CATEGORIES, CITIES, LEAP_DAYS, NAMES, PRODUCTS, STAFF, STORES

T = FieldType
_TEXTS = {
    "language": ("zh", "en"), "home_store": STORES, "store": STORES, "last_store": STORES, "product": PRODUCTS,
    "brand": ("Acme", "Bond"), "seller": ("emp-1",), "till": ("1", "2"), "source": ("till", "web"),
    "currency": ("CNY", "USD"), "city": [city for city in CITIES if city], "region": ("south",),
    "topic": ("price", "delivery"), "owner": ("emp-1", "emp-2"), "by": ("emp-1",), "survey": ("autumn", "spring"),
    "account_manager": STAFF, "sponsor": STAFF, "grade": ("A", "B"),
    "about": ("customer", "P1"),
    "role": ("key_person", "buyer"), "agent": ("emp-1", "emp-2"),
}  # fmt: skip
_NAMES = (*(name for name in NAMES if name), "W", "%", "_", "'", "\\", "伟", "")
_NUMBERS = (-2, -1, 0, 1, 2, 3, 6, 24, 40, 365, Decimal("0.5"), Decimal("1.25"), Decimal("182.5"))
_ORDERED = ("=", "!=", "<", "<=", ">", ">=")
UNITS = {"days": (1, 2, 7, 30, 31, 90, 365), "weeks": (1, 4), "months": (1, 2, 12), "years": (1, 2, 24)}
_LENGTHS = [(count, unit) for unit, counts in UNITS.items() for count in counts]
_SIZES = [(1, "percent"), (20, "percent"), (50, "percent"), (100, "percent"), (1, "customers"), (3, "customers")]


@st.composite
def trees(
    draw: Callable[..., Any],
    registry: Registry,
    anchor: date,
    segments: Sequence[Any] = (),
    kept: Sequence[Any] = (),
) -> Any:
    """Any question about customers; its dates lie around `anchor`. Of the segments some are `kept`."""
    return _Drawing(draw, registry, anchor, segments, kept).tree()


class _Drawing:
    """One question being drawn."""

    def __init__(
        self,
        draw: Callable[..., Any],
        registry: Registry,
        anchor: date,
        segments: Sequence[Any],
        kept: Sequence[Any] = (),
    ) -> None:
        self._draw = draw
        self._registry = registry
        self._anchor = anchor
        self._segments = list(segments)
        self._kept = list(kept)
        self._left = 8

    def pick(self, options: Sequence[Any]) -> Any:
        return self._draw(st.sampled_from(list(options)))

    def truth(self) -> bool:
        return bool(self._draw(st.booleans()))

    def tree(self) -> Any:
        return self._combined(self._leaf, 3)

    def _combined(self, leaf: Callable[[], Any], depth: int) -> Any:
        op = self.pick(["leaf", "leaf", "and", "or", "not"]) if depth and self._left > 1 else "leaf"
        if op == "leaf":
            self._left -= 1
            return leaf()
        if op == "not":
            return t.Not(item=self._combined(leaf, depth - 1))
        items = tuple(self._combined(leaf, depth - 1) for _ in range(self.pick([2, 2, 3])))
        return t.And(items=items) if op == "and" else t.Or(items=items)

    def _leaf(self) -> Any:  # noqa: PLR0911  a line per kind
        kinds = [
            "field",
            "field",
            "rows",
            "aggregate",
            "aggregate",
            "rank",
            "consent",
            "sample",
            "sequence",
            "sequence",
            "ratio",
            *(["segment"] if self._segments else []),
            *(["past"] if self._kept else []),
        ]
        kind = self.pick(kinds)
        if kind == "segment":
            return t.InSegment(segment=self.pick(self._segments))
        if kind == "past":
            segment, op = self.pick(self._kept), self.pick(["entered", "left", "was_in"])
            if op == "was_in":
                return t.WasIn(segment=segment, on=self.day())
            return t.Moved(op=op, segment=segment, window=self.window())
        if kind == "consent":
            purpose, channel = self.pick(["marketing", "survey"]), self.pick(["any", "sms", "email", "phone"])
            return t.Consent(purpose=purpose, channel=channel, state=self.pick(self._registry.consents.states))
        if kind == "sample":
            return t.Sample(
                percent=self.pick(["10", "50", "100", "33.3", "0.01"]), seed=self.pick(["autumn", "", "伟"])
            )
        if kind == "sequence":
            return self._sequence()
        if kind == "ratio":
            return self._ratio()
        if kind == "rows":
            return self._rows()
        if kind == "aggregate":
            return self._aggregate()
        return self._rank() if kind == "rank" else self._of_field(self._registry.fields)

    # --- windows and values -------------------------------------------------------------------------------------------

    def day(self) -> date:
        near = [0, 1, 2, 7, 30, 31, 365, 366, -1, -3]
        return self.pick([*LEAP_DAYS, *(self._anchor - timedelta(days=days) for days in near)])

    def window(self, *, closed: bool = False) -> Any:
        form = self.pick(
            ["last", "last", "next", "span"] if closed else ["last", "last", "next", "span", "before", "after"]
        )
        if form == "span":
            first, last = sorted([self.day(), self.day()])
            return v.Span(start=first, to=last)
        if form in ("before", "after"):
            return v.Before(before=self.day()) if form == "before" else v.After(after=self.day())
        count, unit = self.pick(_LENGTHS)
        return v.Last(last=count, unit=unit) if form == "last" else v.Next(next=count, unit=unit)

    def value(self, kind: FieldType, name: str = "", choices: Sequence[str] = ()) -> Any:
        if kind is T.MONEY:
            return v.MoneyValue(money=self.pick([*AMOUNTS, -100, 7500]))
        if kind is T.NUMBER:
            return v.NumberValue(number=str(self.pick(_NUMBERS)))
        if kind is T.DATE:
            return v.DateValue(date=self.day())
        if kind is T.BOOLEAN:
            return v.TruthValue(boolean=self.truth())
        texts = choices or _TEXTS.get(name.rpartition(".")[2], _NAMES)
        if kind is T.CATEGORY:
            texts = [path for path in CATEGORIES if path]
        return v.TextValue(text=self.pick(texts))

    # --- predicates about a field -------------------------------------------------------------------------------------

    def _of_field(self, fields: Mapping[str, Field]) -> Any:  # noqa: PLR0911  a line per operator
        field = fields[self.pick(list(fields))]
        name, kind = field.name, field.type
        operator = self.pick([each for each in field.operators if each != "rank"])
        if operator == "missing":
            return t.Missing(field=name, negated=self.truth())
        if operator == "within":
            return t.Near(field=name, km=self.pick(["0.5", "1.5", "12", "150", "9000", "20040"]), of=self._place())
        if operator == "during":
            return t.During(field=name, window=self.window())
        if operator == "anniversary":
            return t.Anniversary(field=name, window=self.window(closed=True))
        if operator == "in":
            values = tuple(self.value(kind, name, field.choices) for _ in range(self.pick([1, 2, 3])))
            return t.OneOf(field=name, values=values, negated=self.truth(), including_missing=self.truth())
        if operator == "between":
            low, high = sorted([self.value(kind), self.value(kind)], key=_order)
            return t.Between(field=name, low=low, high=high)
        if operator in ("contains", "starts_with", "under"):
            value = self.value(kind, name)
            return t.Match(op=operator, field=name, value=value if value.text else v.TextValue(text="a"))
        same = [other.name for other in fields.values() if other.type is kind]
        right = (
            t.FieldTerm(field=self.pick(same))
            if self.pick([1, 2, 3, 4]) == 1
            else self.value(kind, name, field.choices)
        )
        return self._compare(t.FieldTerm(field=name), operator, right)

    def _place(self) -> Any:
        latitude, longitude = self.pick(POINTS)
        point = v.Point(latitude=str(latitude), longitude=str(longitude))
        named = [v.NamedPlace(place=code) for code in (*STORES, "FAIR", "NOWHERE")]
        return self.pick([point, *named])

    def _compare(self, left: Any, comparator: Any, right: Any) -> Any:
        return t.Compare(left=left, comparator=comparator, right=right, including_missing=self.truth())

    def _rank(self) -> Any:
        ranked = [field.name for field in self._registry.fields.values() if "rank" in field.operators]
        size, unit = self.pick(_SIZES)
        of = self._combined(self._leaf, 1) if self._left > 1 and self.truth() else None
        return t.Rank(field=self.pick(ranked), end=self.pick(["top", "bottom"]), size=size, unit=unit, of=of)

    # --- predicates about rows of a collection ------------------------------------------------------------------------

    def _collection(self) -> Collection:
        return self._registry.collections[self.pick(list(self._registry.collections))]

    def _where(self, collection: Collection) -> Any:
        return self._combined(lambda: self._of_field(collection.by_name), 2)

    def _filter(self, collection: Collection) -> dict[str, Any]:
        window = self.window() if collection.day is not None and self.truth() else None
        return {"window": window, "where": self._where(collection) if self.truth() else None}

    def _rows(self) -> Any:
        collection, op = self._collection(), self.pick(["any", "none", "all"])
        found = self._filter(collection)
        if op == "all" and found["where"] is None:
            found["where"] = self._where(collection)
        return t.Rows(op=op, collection=collection.name, **found)

    def _sequence(self) -> Any:
        dated = [each for each in self._registry.collections.values() if each.day is not None]
        pool = [self.pick(dated) for _ in range(self.pick([1, 2]))]
        steps = []
        for number in range(self.pick([2, 2, 3, 4])):
            collection = self.pick(pool)
            where = self._where(collection) if self._left > 1 and self.pick([1, 2, 3]) == 1 else None
            count, unit = self.pick(_LENGTHS)
            more = {"negated": self.pick([1, 2, 3]) == 1, "within": v.Within(count=count, unit=unit)} if number else {}
            steps.append(t.Step(collection=collection.name, where=where, **more))
        return t.Sequence(steps=tuple(steps), window=self.window() if self.truth() else None)

    def _ratio(self) -> Any:
        kind = self.pick([T.NUMBER, T.MONEY])
        sides = [self._plain(kind), self._plain(kind)]
        value = v.NumberValue(number=self.pick(["0", "0.5", "1", "0.333333", "-1", "2"]))
        right = value if self.pick([1, 2, 3]) > 1 else self._plain(T.NUMBER)
        made = t.Ratio(ratio=sides[0], to=sides[1])
        return self._compare(made, self.pick(_ORDERED), right)

    def _plain(self, kind: FieldType) -> Any:
        """A field or an aggregate of a kind."""
        if self.truth():
            return t.FieldTerm(
                field=self.pick([each.name for each in self._registry.fields.values() if each.type is kind])
            )
        summed = [
            (one, each) for one in self._registry.collections.values() for each in one.fields if each.type is kind
        ]
        collection, field = self.pick(summed)
        return t.Aggregate(
            aggregate=self.pick(["sum", "avg", "max"]), of=f"{collection.name}.{field.name}", **self._filter(collection)
        )

    def _aggregate(self) -> Any:
        collection = self._collection()
        known = {each.type for each in collection.fields}
        function = self.pick([name for name, kinds in AGGREGATED.items() if kinds & known])
        fields = [each for each in collection.fields if each.type in AGGREGATED[function]]
        field = None if function == "count" and self.truth() else self.pick(fields)
        term = t.Aggregate(
            aggregate=function,
            of=collection.name if field is None else f"{collection.name}.{field.name}",
            distinct=function == "count" and field is not None and self.truth(),
            **self._filter(collection),
        )
        kind = T.NUMBER if field is None or function == "count" else field.type
        comparator = self.pick(_ORDERED if kind in (T.NUMBER, T.MONEY, T.DATE) else ("=", "!="))
        same = [each.name for each in self._registry.fields.values() if each.type is kind]
        if same and self.pick([1, 2, 3, 4]) == 1:
            return self._compare(term, comparator, t.FieldTerm(field=self.pick(same)))
        choices = field.choices if field is not None and kind is T.CHOICE else ()
        return self._compare(term, comparator, self.value(kind, field.name if field else "", choices))


def _order(value: Any) -> Any:
    return value.decimal if isinstance(value, v.NumberValue) else next(iter(value.model_dump().values()))
