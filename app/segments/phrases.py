"""Windows, values and counts: the parts of a text that hold no predicate. Pure."""

from app.segments import grammar
from app.segments.reader import Reader
from app.segments.values import (
    After,
    Before,
    DateValue,
    Last,
    NamedPlace,
    Next,
    Node,
    NumberValue,
    Point,
    Span,
    TextValue,
    TruthValue,
)  # fmt: skip

WINDOW = ("during", "from", "before", "after")


class Phrases(Reader):
    """One method per such part; each takes its tokens."""

    def window(self) -> Node:
        start = self.now
        if self.skip("during"):
            if not self.at("last", "next"):
                self.refuse(("last", "next"))
            way = self.take().value
            count, name = self.whole(), self.unit()
            if way == "last":
                return self.node(Last, start, last=count, unit=name)
            return self.node(Next, start, next=count, unit=name)
        if self.skip("from"):
            first = self.date()
            self.need("to")
            return self.node(Span, start, start=first, to=self.date())
        if self.skip("before"):
            return self.node(Before, start, before=self.date())
        if self.skip("after"):
            return self.node(After, start, after=self.date())
        return self.refuse(WINDOW)

    def unit(self) -> str:
        name = self.now.value if self.now.value in grammar.UNITS else self.now.value + "s"
        if self.now.kind != "word" or name not in grammar.UNITS:
            self.refuse(grammar.UNITS)
        self.take()
        return name

    def including_missing(self) -> bool:
        if not self.skip("including"):
            return False
        self.need("missing")
        return True

    def values(self) -> tuple[Node, ...]:
        self.need("(")
        found = [self.literal()]
        while self.skip(","):
            found.append(self.literal())
        if not self.skip(")"):
            self.refuse((",", ")"))
        return tuple(found)

    def literal(self) -> Node:
        token = self.now
        if token.kind == "word" and token.value not in {"true", "false"}:
            detail = "A value should stand here; text is written in quotes, as in 'GY-01'."
            self.refuse(("a value",), "bare_word", detail)
        if token.kind not in {"word", "string", "number", "date"}:
            self.refuse(("a value",))
        self.take()
        if token.kind == "word":
            return self.node(TruthValue, token, boolean=token.value == "true")
        if token.kind == "string":
            return self.node(TextValue, token, text=token.value)
        if token.kind == "number":
            return self.node(NumberValue, token, number=token.value)
        return self.node(DateValue, token, date=token.value)

    def place(self) -> Node:
        start = self.now
        if start.kind == "string":
            return self.node(NamedPlace, start, place=self.take().value)
        if not self.skip("("):
            self.refuse(("a code in quotes such as 'GY-01'", "coordinates such as (26.647, 106.63)"))
        latitude = self.number("degrees north such as 26.647")
        self.need(",")
        longitude = self.number("degrees east such as 106.63")
        self.need(")")
        return self.node(Point, start, latitude=latitude, longitude=longitude)

    def number(self, what: str) -> str:
        if self.now.kind != "number":
            self.refuse((what,))
        return self.take().value

    def date(self) -> str:
        if self.now.kind != "date":
            self.refuse(("a date such as 2026-11-21",))
        return self.take().value

    def whole(self) -> int:
        if self.now.kind != "number" or not self.now.value.isdigit() or len(self.now.value) > len("1000000"):
            self.refuse(("a whole number",))
        return int(self.take().value)
