"""Searches: p95 for each way of asking, one after the other over HTTP, on the database that budgets speak of."""

import http.client
import random
import time
from collections.abc import Callable, Iterator
from itertools import islice
from urllib.parse import quote

from app.customers import hangul, pinyin
from tests.benchmarks.bench import Bench
from tests.benchmarks.lookups import card, phone
from tests.benchmarks.names import Name, names
from tests.benchmarks.serving import Served
from tests.benchmarks.table import Row

PATH = "/v1/customers/search"
P95_MS = 50.0
QUESTIONS = 200
ACCENTS = str.maketrans("áéíóúñüöøèçąğëł", "aeiounuooecagel")

Way = Callable[[int, Name, random.Random], str]


def _read(name: Name) -> tuple[str, ...]:
    return pinyin.syllables(name.display)


def _toned(name: Name) -> str:
    return " ".join(pinyin.load().lazy_pinyin(name.display, style=pinyin.load().Style.TONE))


def _slip(text: str, chooser: random.Random) -> str:
    """One of the usual slips: a letter left out, exchanged with its neighbour, or another one."""
    at = chooser.randrange(1, len(text) - 1)
    slips = (
        text[:at] + text[at + 1 :],
        text[:at] + text[at + 1] + text[at] + text[at + 2 :],
        text[:at] + "e" + text[at + 1 :],
    )
    return chooser.choice(slips)


def _middle(text: str, size: int, chooser: random.Random) -> str:
    at = chooser.randrange(len(text) - size)
    return text[at : at + size]


CHINESE: dict[str, Way] = {
    "1 character": lambda _n, name, _c: name.display[0],
    "2 characters": lambda _n, name, _c: name.display[:2],
    "given name in characters": lambda _n, name, _c: name.given or name.display,
    "all characters": lambda _n, name, _c: name.display,
    "pinyin, spaces": lambda _n, name, _c: " ".join(_read(name)),
    "pinyin, one word": lambda _n, name, _c: "".join(_read(name)),
    "pinyin with tones": lambda _n, name, _c: _toned(name),
    "given name in pinyin": lambda _n, name, _c: "".join(_read(name)[1:]),
    "beginning of pinyin": lambda _n, name, _c: "".join(_read(name))[:6],
    "initials": lambda _n, name, _c: "".join(one[0] for one in _read(name)),
    "pinyin with a typo": lambda _n, name, chooser: _slip("".join(_read(name)), chooser),
}
KOREAN: dict[str, Way] = {
    "hangul": lambda _n, name, _c: name.display,
    "first consonants": lambda _n, name, _c: hangul.leads(name.display),
    "romanised Korean": lambda _n, name, _c: (
        f"{hangul.romanised(name.family or '')} {hangul.romanised(name.given or '')}"
    ),
}
LATIN: dict[str, Way] = {
    "Latin": lambda _n, name, _c: name.display,
    "surname first, no accents": lambda _n, name, _c: f"{name.family}, {name.given}".translate(ACCENTS),
    "surname alone": lambda _n, name, _c: str(name.family),
    "Latin with a typo": lambda _n, name, chooser: _slip(name.display, chooser),
}
ANY: dict[str, Way] = {
    "last 4 digits": lambda number, _m, _c: phone(number)[-4:],
    "4 digits anywhere": lambda number, _m, chooser: _middle(phone(number)[3:], 4, chooser),
    "6 digits anywhere": lambda number, _m, chooser: _middle(phone(number)[3:], 6, chooser),
    "whole phone": lambda number, _m, _c: f"{phone(number)[3:6]} {phone(number)[6:10]} {phone(number)[10:]}",
    "end of a card": lambda number, _m, _c: card(number)[-5:],
}
# Every third customer has an e-mail address.
EMAILS: dict[str, Way] = {
    "beginning of an e-mail": lambda _n, name, _c: name.email.partition("@")[0][:8],
    "part of an e-mail": lambda _n, name, _c: name.email.partition("@")[0][-5:] + "@",
    "e-mail": lambda _n, name, _c: name.email,
    "an e-mail that nobody has": lambda _n, name, _c: f"x{name.email}",
}
GROUPS: tuple[tuple[dict[str, Way], Callable[[int], bool]], ...] = (
    (CHINESE, lambda number: number % 20 > 2 and number % 50 > 0),
    (KOREAN, lambda number: number % 20 == 2 and number % 50 > 0),
    (LATIN, lambda number: number % 20 == 1 and number % 50 > 0),
    (ANY, lambda number: number % 20 > 0),
    (EMAILS, lambda number: number % 20 > 0 and number % 3 == 0),
)


def by_each_way(bench: Bench) -> Iterator[Row]:
    """For each way the same customers are asked for, as a clerk would: one question, one answer."""
    people = list(islice(names(bench.customers), 0, bench.customers))
    with bench.application(bench.big) as served:
        for ways, fits in GROUPS:
            for way, typed in ways.items():
                chooser = random.Random(11)
                wanted = (chooser.randint(1, bench.customers) for _ in range(100 * QUESTIONS))
                numbers = list(islice((number for number in wanted if fits(number)), QUESTIONS))
                asked = [typed(number, people[number - 1], chooser) for number in numbers]
                yield _row(served, way, asked)


def _row(served: Served, way: str, asked: list[str]) -> Row:
    line = http.client.HTTPConnection("127.0.0.1", served.port, timeout=60)
    times: list[float] = []
    empty = 0
    for place, text in enumerate([*asked[:20], *asked]):
        began = time.perf_counter()
        line.request("GET", f"{PATH}?q={quote(text, safe='')}", headers={"Authorization": f"Bearer {served.key}"})
        answer = line.getresponse()
        body = answer.read()
        if place >= 20:  # the first are not counted
            times.append((time.perf_counter() - began) * 1000)
            empty += body.startswith(b'{"data":[]')
        if answer.status != 200:
            message = f"{way}: {answer.status} {body[:300]!r}"
            raise RuntimeError(message)
    line.close()
    times.sort()
    p50, p95 = times[len(times) // 2], times[len(times) * 95 // 100]
    return Row(
        f"search by {way}: p95",
        f"{p95:.1f} ms",
        f"<= {P95_MS:.0f} ms",
        p95 <= P95_MS,
        f"p50 {p50:.1f} ms, longest {times[-1]:.1f} ms; {len(times) - empty} of {len(times)} questions found somebody.",
    )
