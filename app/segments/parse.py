"""Text -> tree: recursive descent over the tokens. Pure.

What comes out is well formed but not yet checked against the registry: a number beside an amount of money is still a
number, and segments are still names (`check` decides both).
"""

from dataclasses import dataclass, field
from itertools import pairwise

from app.segments import grammar
from app.segments.grammar import Refused, Token
from app.segments.reader import Reader, near
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
    Match,
    Missing,
    Not,
    OneOf,
    Or,
    Rank,
    Rows,
)  # fmt: skip
from app.segments.values import After, Before, DateValue, Last, Next, Node, NumberValue, Span, TextValue, TruthValue

_WINDOW = ("during", "from", "before", "after")
_AFTER_FIELD = ("=", "!=", "<", ">", "in", "between", "is missing", "contains", "starts with", "under", "during")
_CONDITION = ("a field", "a function such as count(...)", "not", "(")


@dataclass(frozen=True, slots=True)
class Parsed:
    """A tree and where its parts stand in the text, for errors that are found later."""

    tree: Expr
    text: str
    _places: dict[tuple[int, str], tuple[int, int]] = field(repr=False)

    def place(self, node: Node, part: str = "") -> tuple[int, int]:
        """(start, end) of a node of this very tree, or of one of its parts, in characters from 0."""
        found = self._places.get((id(node), part)) or self._places.get((id(node), ""))
        return found or (0, len(self.text))


def parse(text: str) -> Parsed:
    """The tree of `text`. Raises Refused, whatever the text."""
    reader = _Descent(grammar.tokens(text))
    tree = reader.expr()
    if reader.now.kind != "end":
        reader.refuse(("and", "or", "the end"))
    return Parsed(tree, text, reader.places)


def segments_named(text: str) -> frozenset[str]:
    """The names of segments that `text` mentions, so that they can be fetched before it is checked."""
    found = grammar.tokens(text)
    return frozenset(name.value for word, name in pairwise(found) if word.value == "segment" and name.kind == "string")


class _Descent(Reader):
    """One method per rule of the grammar."""

    # --- and, or, not -------------------------------------------------------------------------------------------------

    def expr(self) -> Expr:
        start = self.now
        items = [self._all()]
        while self.skip("or"):
            items.append(self._all())
        return items[0] if len(items) == 1 else self.node(Or, start, items=tuple(items))

    def _all(self) -> Expr:
        start = self.now
        items = [self._not()]
        while self.skip("and"):
            items.append(self._not())
        return items[0] if len(items) == 1 else self.node(And, start, items=tuple(items))

    def _not(self) -> Expr:
        start = self.now
        if self.skip("not"):
            self.deeper()
            made = self.node(Not, start, item=self._not())
            self._depth -= 1
            return made
        if self.at("("):
            return self._nested()
        return self._predicate()

    def _nested(self) -> Expr:
        self.need("(")
        self.deeper()
        inner = self.expr()
        self._depth -= 1
        self.need(")")
        return inner

    # --- predicates ---------------------------------------------------------------------------------------------------

    def _predicate(self) -> Expr:
        start = self.now
        if start.kind != "word":
            self.refuse(_CONDITION)
        if self.skip("in"):
            return self._in_segment(start)
        if start.value in grammar.LATER:
            self.later(grammar.LATER[start.value])
        if self.following.value == "(" and self.following.kind == "symbol":
            return self._function(start)
        if start.value in grammar.RESERVED:
            self.refuse(_CONDITION)
        return self._of_field(start)

    def _function(self, start: Token) -> Expr:
        if start.value in grammar.QUANTIFIERS:
            op = self.take().value
            self.need("(")
            name = self.take() if self.now.kind == "word" else self.refuse(("a collection",))
            window, where = self._filter()
            made = self.node(Rows, start, op=op, collection=name.value, window=window, where=where)
            self.places[id(made), "collection"] = (name.start, name.end)
            return made
        if start.value in grammar.AGGREGATES:
            return self._compare(start, self._aggregate())
        if start.value == grammar.CONSENT:
            return self._consent(start)
        known = (*grammar.AGGREGATES, *grammar.QUANTIFIERS, grammar.CONSENT)
        raise Refused("unknown_function", f"There is no such function; there are {', '.join(known)}.", start.start,
                      start.end, expected=known, near=near(start.value, known))  # fmt: skip

    def _consent(self, start: Token) -> Expr:
        self.take()
        found = []
        for sign, what in (("(", "purpose"), (",", "channel"), ("=", "state")):
            if sign == "=":
                self.need(")")
            self.need(sign)
            if self.now.kind != "string":
                self.refuse((f"the {what} in quotes",))
            found.append(self.take())
        purpose, channel, state = found
        made = self.node(Consent, start, purpose=purpose.value, channel=channel.value, state=state.value)
        for part, token in (("purpose", purpose), ("channel", channel), ("state", state)):
            self.places[id(made), part] = (token.start, token.end)
        return made

    def _in_segment(self, start: Token) -> Expr:
        self.need("segment")
        if self.now.kind != "string":
            self.refuse(("the segment's name in quotes",))
        return self.node(InSegment, start, name=self.take().value)

    def _of_field(self, start: Token) -> Expr:
        name = self.take()
        found = self._about(start, name)
        self.places[id(found), "field"] = (name.start, name.end)
        return found

    def _about(self, start: Token, name: Token) -> Expr:
        """The predicate about a field whose name is read."""
        if self.at(*grammar.COMPARATORS):
            return self._compare(start, self.node(FieldTerm, start, field=name.value))
        if self.at("not", "in"):
            return self._in(start, name)
        if self.at("contains", "starts", "under"):
            return self._match(start, name)
        if self.skip("between"):
            low = self._literal()
            self.need("and")
            return self.node(Between, start, field=name.value, low=low, high=self._literal())
        if self.skip("is"):
            negated = self.skip("not")
            self.need("missing")
            return self.node(Missing, start, field=name.value, negated=negated)
        return self._in_time(start, name)

    def _in(self, start: Token, name: Token) -> Expr:
        negated = self.skip("not")
        self.need("in")
        if not negated and not self.at("("):
            return self._rank(start, name)
        values = self._values()
        missing = self._including_missing()
        return self.node(OneOf, start, field=name.value, values=values, negated=negated, including_missing=missing)

    def _match(self, start: Token, name: Token) -> Expr:
        op = self.take().value
        if op == "starts":
            self.need("with")
            op = "starts_with"
        return self.node(Match, start, op=op, field=name.value, value=self._literal())

    def _in_time(self, start: Token, name: Token) -> Expr:
        if self.at(*_WINDOW):
            return self.node(During, start, field=name.value, window=self._window())
        if self.skip("anniversary"):
            return self.node(Anniversary, start, field=name.value, window=self._window())
        if self.at("within"):
            self.later(grammar.WITHIN)
        return self.refuse(_AFTER_FIELD)

    def _compare(self, start: Token, left: FieldTerm | Aggregate) -> Expr:
        if not self.at(*grammar.COMPARATORS):
            self.refuse(grammar.COMPARATORS)
        comparator = self.take().value
        if self.now.kind == "word" and self.now.value not in {"true", "false"}:
            right: Node = self._term()
        else:
            right = self._literal()
        missing = self._including_missing()
        return self.node(Compare, start, left=left, comparator=comparator, right=right, including_missing=missing)

    def _rank(self, start: Token, name: Token) -> Expr:
        if not self.at("top", "bottom"):
            self.refuse(("(", "top", "bottom"))
        end = self.take().value
        size = self._whole()
        if self.skip("%"):
            unit = "percent"
        else:
            unit = "customers"
            if not self.skip("customers"):
                self.refuse(("%", "customers"))
        of = self._nested() if self.skip("of") else None
        return self.node(Rank, start, field=name.value, end=end, size=size, unit=unit, of=of)

    # --- terms, filters, windows, values ------------------------------------------------------------------------------

    def _term(self) -> FieldTerm | Aggregate:
        start = self.now
        if self.following.value == "(" and self.following.kind == "symbol":
            if start.value in grammar.LATER:
                self.later(grammar.LATER[start.value])
            if start.value not in grammar.AGGREGATES:
                self.refuse(grammar.AGGREGATES, "unknown_function")
            return self._aggregate()
        if start.value in grammar.RESERVED:
            self.refuse(("a value", "a field", "a function such as sum(...)"))
        self.take()
        return self.node(FieldTerm, start, field=start.value)

    def _aggregate(self) -> Aggregate:
        start = self.take()
        self.need("(")
        distinct = self.skip("distinct")
        name = self.take() if self.now.kind == "word" else self.refuse(("a collection", "a field of a collection"))
        window, where = self._filter()
        made = self.node(
            Aggregate, start, aggregate=start.value, of=name.value, distinct=distinct, window=window, where=where
        )
        self.places[id(made), "of"] = (name.start, name.end)
        return made

    def _filter(self) -> tuple[Node | None, Expr | None]:
        """[window] ["where" expr] and the closing parenthesis."""
        window = self._window() if self.at(*_WINDOW) else None
        where = None
        if self.skip("where"):
            self.deeper()
            where = self.expr()
            self._depth -= 1
        if not self.skip(")"):
            self.refuse((")",) if where else ("where", ")") if window else (*_WINDOW, "where", ")"))
        return window, where

    def _window(self) -> Node:
        start = self.now
        if self.skip("during"):
            if not self.at("last", "next"):
                self.refuse(("last", "next"))
            way = self.take().value
            count, unit = self._whole(), self.now
            name = unit.value if unit.value in grammar.UNITS else unit.value + "s"
            if unit.kind != "word" or name not in grammar.UNITS:
                self.refuse(grammar.UNITS)
            self.take()
            if way == "last":
                return self.node(Last, start, last=count, unit=name)
            return self.node(Next, start, next=count, unit=name)
        if self.skip("from"):
            first = self._date()
            self.need("to")
            return self.node(Span, start, start=first, to=self._date())
        if self.skip("before"):
            return self.node(Before, start, before=self._date())
        if self.skip("after"):
            return self.node(After, start, after=self._date())
        return self.refuse(_WINDOW)

    def _including_missing(self) -> bool:
        if not self.skip("including"):
            return False
        self.need("missing")
        return True

    def _values(self) -> tuple[Node, ...]:
        self.need("(")
        found = [self._literal()]
        while self.skip(","):
            found.append(self._literal())
        if not self.skip(")"):
            self.refuse((",", ")"))
        return tuple(found)

    def _literal(self) -> Node:
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

    def _date(self) -> str:
        if self.now.kind != "date":
            self.refuse(("a date such as 2026-11-21",))
        return self.take().value

    def _whole(self) -> int:
        if self.now.kind != "number" or not self.now.value.isdigit() or len(self.now.value) > len("1000000"):
            self.refuse(("a whole number",))
        return int(self.take().value)
