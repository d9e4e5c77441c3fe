"""Ten questions about the customers of a public data set, each with a plain loop over the file that answers it."""

import math
import random
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any
from urllib.parse import quote

import orjson

from tests.realdata.ta_feng import Basket
from tests.served import Line

AS_OF = date(2001, 2, 28)
PAGES = 12
Own = list[Basket]


def days(count: int) -> Callable[[Basket], bool]:
    """Whether a basket is of the last so many days, the last of which is `AS_OF`."""
    return lambda basket: AS_OF - timedelta(days=count) < basket.day <= AS_OF


def under(category: str, path: str) -> bool:
    return category == path or category.startswith(path + "/")


def has(basket: Basket, path: str) -> bool:
    return any(under(line[1], path) for line in basket.lines)


def net(own: Own) -> int:
    return sum(basket.net for basket in own)


def margin(own: Own) -> int:
    return net(own) - sum(basket.cost for basket in own)


def favourite(own: Own) -> str:
    sums: dict[str, int] = defaultdict(int)
    for basket in own:
        for line in basket.lines:
            sums[line[1]] += line[4]
    return min((-amount, name) for name, amount in sums.items() if amount > 0)[1] if max(sums.values()) > 0 else ""


@dataclass(frozen=True)
class Plain:
    """A question, and who is meant: either one by one, or picked from everybody."""

    text: str
    holds: Callable[[Own], bool] | None = None
    pick: Callable[[dict[str, Own]], set[str]] | None = None

    def of(self, everybody: dict[str, Own]) -> set[str]:
        """The cards of those it is true of."""
        if self.pick is not None:
            return self.pick(everybody)
        assert self.holds is not None
        return {card for card, own in everybody.items() if self.holds(own)}


def _top_margin(everybody: dict[str, Own]) -> set[str]:
    """Whoever has at least what the last of the first 5 % has."""
    recent = days(90)
    margins = {card: margin([one for one in own if recent(one)]) for card, own in everybody.items()}
    cut = sorted(margins.values(), reverse=True)[math.ceil(len(margins) * 5 / 100) - 1]
    return {card for card, amount in margins.items() if amount >= cut}


def _few_good_ones(own: Own) -> bool:
    return len(own) > 2 and all(basket.net >= 30_000 for basket in own)


TEN = [
    Plain(
        "sum(receipts.net during last 30 days) > 5000.00", lambda own: net([b for b in own if days(30)(b)]) > 500_000
    ),
    Plain(
        "count(distinct lines.receipt during last 90 days where category under '110') >= 5"
        " and none(lines during last 30 days where category under '110')",
        lambda own: (
            sum(days(90)(b) and has(b, "110") for b in own) >= 5 and not any(days(30)(b) and has(b, "110") for b in own)
        ),
    ),
    Plain(
        "figures.occasions >= 8 and figures.days_since_last > 20",
        lambda own: sum(b.net > 0 for b in own) >= 8 and (AS_OF - max(b.day for b in own if b.net > 0)).days > 20,
    ),
    Plain("margin_90d in top 5%", pick=_top_margin),
    Plain(
        "avg(receipts.net from 2000-11-01 to 2000-12-31) >= 3000.00",
        lambda own: bool(found := [b for b in own if b.day.year == 2000]) and net(found) >= 300_000 * len(found),
    ),
    Plain(
        "not any(receipts during last 2 months) and figures.net > 10000.00",
        lambda own: not any(b.day > date(2000, 12, 28) for b in own) and net(own) > 1_000_000,
    ),
    Plain(
        "max(lines.net during last 4 weeks) > 2000.00 or sum(lines.quantity where category under '530') > 30",
        lambda own: (
            max((line[4] for b in own if days(28)(b) for line in b.lines), default=0) > 200_000
            or sum(float(line[2]) for b in own for line in b.lines if under(line[1], "530")) > 30
        ),
    ),
    Plain(
        "max(receipts.date) < 2000-12-01 and count(receipts) >= 3",
        lambda own: max(b.day for b in own) < date(2000, 12, 1) and len(own) >= 3,
    ),
    Plain(
        "figures.favourite_category under '100' and figures.usual_gap_days between 6 and 8",
        lambda own: (
            under(favourite(own), "100")
            and len(found := [b.day for b in own if b.net > 0]) > 1
            and 5.95 <= (max(found) - min(found)).days / (len(found) - 1) < 8.05
        ),
    ),
    Plain("all(receipts where net >= 300.00) and count(receipts) > 2", _few_good_ones),
]


def check_ten(line: Line, baskets: list[Basket]) -> str:
    """Each question asked over HTTP finds whom the plain loop finds. Answers a line about them."""
    everybody: dict[str, Own] = defaultdict(list)
    for basket in baskets:
        everybody[basket.customer].append(basket)
    chance, told = random.Random(4), []
    for number, question in enumerate(TEN):
        expected = question.of(everybody)
        body = orjson.dumps({"text": question.text, "as_of": AS_OF.isoformat(), "sample": 50})
        preview = _answer(line, "POST", "/v1/segments/preview", body)
        assert preview["count"] == len(expected), question.text
        assert {_card(one) for one in preview["sample"]} <= expected, question.text
        saved = _answer(line, "POST", "/v1/segments", orjson.dumps({"name": f"q{number}", "text": question.text}), 201)
        assert saved["text"] == question.text
        members = _members(line, saved["id"])
        assert len({one["id"] for one in members}) == len(members)
        cards = {_card(one) for one in members}
        assert cards == expected if len(expected) <= PAGES * 200 else cards < expected, question.text
        others = chance.sample(sorted(set(everybody) - expected), 2)
        for card, inside in [*((card, True) for card in sorted(cards)[:2]), *((card, False) for card in others)]:
            one = _answer(line, "GET", f"/v1/customers/lookup?card={quote(card)}")["data"][0]["id"]
            why = _answer(line, "GET", f"/v1/segments/{saved['id']}/explain/{one}?as_of={AS_OF}")
            assert why["member"] is inside, (question.text, card)
        told.append(f"{len(expected):,}")
    return f"ten segments as a plain loop finds them: {', '.join(told)} of {len(everybody):,} customers"


def _members(line: Line, segment: str) -> list[dict[str, Any]]:
    """The members on the first pages."""
    found: list[dict[str, Any]] = []
    query = f"as_of={AS_OF}&limit=200"
    for _ in range(PAGES):
        page = _answer(line, "GET", f"/v1/segments/{segment}/members?{query}")
        assert page["as_of"] == AS_OF.isoformat()
        found += page["data"]
        if not page["has_more"]:
            break
        query = f"limit=200&cursor={page['next_cursor']}"
    assert [one["id"] for one in found] == sorted(one["id"] for one in found)
    return found


def _card(customer: dict[str, Any]) -> str:
    return next(str(one["value"]) for one in customer["identifiers"] if one["kind"] == "card")


def _answer(line: Line, method: str, path: str, body: bytes | None = None, status: int = 200) -> Any:
    answer = line.call(method, path, body) if body is not None else line.call(method, path)
    assert answer.status == status, answer.body[:1000]
    return answer.json()
