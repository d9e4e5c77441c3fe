"""Text -> tree: recursive descent over the tokens. Pure.

What comes out is well formed but not yet checked against the registry: a number beside an amount of money is still a
number, and segments are still names (`check` decides both).
"""

from dataclasses import dataclass, field
from itertools import pairwise

from app.segments import grammar
from app.segments.grammar import Refused, Token
from app.segments.phrases import WINDOW, Phrases
from app.segments.reader import near
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
    Node,
    Within,
)  # fmt: skip

_AFTER_FIELD = ("=", "!=", "<", ">", "in", "between", "is missing", "contains", "starts with", "under", "during",
                "within")  # fmt: skip
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


def says(text: str, word: str) -> bool:
    """Whether a word of the language stands in `text`; what cannot be read says nothing."""
    try:
        return any(token.kind == "word" and token.value == word for token in grammar.tokens(text))
    except Refused:
        return False


class _Descent(Phrases):
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
        if self.at(grammar.ENTERED, grammar.LEFT, grammar.WAS_IN):
            return self._in_the_past(start)
        if start.value in grammar.LATER:
            self.later(grammar.LATER[start.value])
        if start.value == grammar.SAMPLE:
            return self._sample(start)
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
        if start.value == grammar.RATIO:
            return self._compare(start, self._ratio())
        if start.value == grammar.CONSENT:
            return self._consent(start)
        if start.value == grammar.SEQUENCE:
            return self._sequence(start)
        known = (*grammar.AGGREGATES, *grammar.QUANTIFIERS, grammar.CONSENT, grammar.RATIO, grammar.SEQUENCE)
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

    def _sample(self, start: Token) -> Expr:
        self.take()
        percent = self._token("number", "a share such as 10%")
        self.need("%", "seed")
        return self.node(Sample, start, percent=percent, seed=self._token("string", "a seed in quotes"))

    def _token(self, kind: str, what: str) -> str:
        return self.take().value if self.now.kind == kind else self.refuse((what,))

    def _sequence(self, start: Token) -> Expr:
        self.take()
        self.need("(")
        steps = [self._step(first=True)]
        while self.skip("then"):
            steps.append(self._step(first=False))
        if not self.skip(")"):
            self.refuse(("then", ")"))
        window = self.window() if self.at(*WINDOW) else None
        return self.node(Sequence, start, steps=tuple(steps), window=window)

    def _step(self, *, first: bool) -> Step:
        start, negated = self.now, not first and self.skip("not")
        name = self.take() if self.now.kind == "word" else self.refuse(("a collection",))
        where, within = None, None
        if self.skip("where"):
            self.deeper()
            where = self.expr()
            self._depth -= 1
        if not first:
            self.need("within")
            count = self.now
            within = self.node(Within, count, count=self.whole(), unit=self.unit())
        made = self.node(Step, start, collection=name.value, where=where, negated=negated, within=within)
        self.places[id(made), "collection"] = (name.start, name.end)
        return made

    def _in_segment(self, start: Token) -> Expr:
        self.need("segment")
        return self.node(InSegment, start, name=self._token("string", "the segment's name in quotes"))

    def _in_the_past(self, start: Token) -> Expr:
        op = self.take().value
        if op == grammar.WAS_IN:
            self.need("in")
        self.need("segment")
        name = self._token("string", "the segment's name in quotes")
        if op == grammar.WAS_IN:
            self.need("on")
            return self.node(WasIn, start, name=name, on=self.date())
        return self.node(Moved, start, op=op, name=name, window=self.window())

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
            low = self.literal()
            self.need("and")
            return self.node(Between, start, field=name.value, low=low, high=self.literal())
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
        values = self.values()
        missing = self.including_missing()
        return self.node(OneOf, start, field=name.value, values=values, negated=negated, including_missing=missing)

    def _match(self, start: Token, name: Token) -> Expr:
        op = self.take().value
        if op == "starts":
            self.need("with")
            op = "starts_with"
        return self.node(Match, start, op=op, field=name.value, value=self.literal())

    def _in_time(self, start: Token, name: Token) -> Expr:
        if self.at(*WINDOW):
            return self.node(During, start, field=name.value, window=self.window())
        if self.skip("anniversary"):
            return self.node(Anniversary, start, field=name.value, window=self.window())
        if self.skip("within"):
            km = self.number("a number of kilometres such as 5")
            self.need("km", "of")
            of_start = self.now
            of = self.place()
            made = self.node(Near, start, field=name.value, km=km, of=of)
            self.places[id(made), "of"] = (of_start.start, self.places[id(of), ""][1])
            return made
        return self.refuse(_AFTER_FIELD)

    def _compare(self, start: Token, left: FieldTerm | Aggregate | Ratio) -> Expr:
        if not self.at(*grammar.COMPARATORS):
            self.refuse(grammar.COMPARATORS)
        comparator = self.take().value
        if self.now.kind == "word" and self.now.value not in {"true", "false"}:
            right: Node = self._term()
        else:
            right = self.literal()
        missing = self.including_missing()
        return self.node(Compare, start, left=left, comparator=comparator, right=right, including_missing=missing)

    def _rank(self, start: Token, name: Token) -> Expr:
        if not self.at("top", "bottom"):
            self.refuse(("(", "top", "bottom"))
        end = self.take().value
        size = self.whole()
        if self.skip("%"):
            unit = "percent"
        else:
            unit = "customers"
            if not self.skip("customers"):
                self.refuse(("%", "customers"))
        of = self._nested() if self.skip("of") else None
        return self.node(Rank, start, field=name.value, end=end, size=size, unit=unit, of=of)

    # --- terms and filters ------------------------------------------------------------------------------

    def _term(self) -> FieldTerm | Aggregate | Ratio:
        return self._ratio() if self.at(grammar.RATIO) and self.following.value == "(" else self._plain()

    def _ratio(self) -> Ratio:
        start = self.take()
        self.need("(")
        ratio = self._plain()
        self.need(",")
        to = self._plain()
        self.need(")")
        return self.node(Ratio, start, ratio=ratio, to=to)

    def _plain(self) -> FieldTerm | Aggregate:
        start = self.now
        if start.kind != "word":
            self.refuse(("a field", "a function such as sum(...)"))
        if self.following.value == "(" and self.following.kind == "symbol":
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
        window = self.window() if self.at(*WINDOW) else None
        where = None
        if self.skip("where"):
            self.deeper()
            where = self.expr()
            self._depth -= 1
        if not self.skip(")"):
            self.refuse((")",) if where else ("where", ")") if window else (*WINDOW, "where", ")"))
        return window, where
