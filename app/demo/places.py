"""The company's stores: most in Guizhou, one run by a dealer, one in Seoul, one in Singapore, one online. Pure."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo


@dataclass(frozen=True, slots=True)
class Place:
    """A store. `step` is the least amount that a price there is a multiple of, in minor units of its currency."""

    code: str
    name: str
    kind: str
    region: str | None
    city: str | None
    zone: ZoneInfo
    currency: str
    country: str
    tax_percent: int
    step: int
    # Of a thousand customers of this country, how many have this store as their home.
    share: int

    def item(self) -> dict[str, Any]:
        """As it is sent."""
        tills = [] if self.kind == "online" else [f"{self.code}-T{number}" for number in (1, 2)]
        return {
            "code": self.code, "name": self.name, "kind": self.kind, "region": self.region, "city": self.city,
            "time_zone": self.zone.key, "currency": self.currency, "phone_region": self.country, "tills": tills,
        }  # fmt: skip


_SHANGHAI, _SEOUL, _SINGAPORE = (ZoneInfo(f"Asia/{city}") for city in ("Shanghai", "Seoul", "Singapore"))

PLACES = (
    Place("GY-01", "贵阳喷水池店", "own", "Guizhou", "Guiyang", _SHANGHAI, "CNY", "CN", 13, 10, 320),
    Place("GY-02", "贵阳观山湖店", "own", "Guizhou", "Guiyang", _SHANGHAI, "CNY", "CN", 13, 10, 240),
    Place("ZY-01", "遵义老城店", "own", "Guizhou", "Zunyi", _SHANGHAI, "CNY", "CN", 13, 10, 160),
    Place("HX-D1", "花溪经销店", "dealer", "Guizhou", "Guiyang", _SHANGHAI, "CNY", "CN", 13, 10, 100),
    Place("WEB", "网上商店", "online", None, None, _SHANGHAI, "CNY", "CN", 13, 10, 180),
    Place("SEL-01", "서울 연남점", "own", "Seoul", "Seoul", _SEOUL, "KRW", "KR", 10, 100, 1000),
    Place("SIN-01", "Tiong Bahru", "own", "Singapore", "Singapore", _SINGAPORE, "SGD", "SG", 9, 10, 1000),
)
BY_CODE = {place.code: place for place in PLACES}
ONLINE = BY_CODE["WEB"]
# What one minor unit of a store's currency is worth in fen.
_FEN = {"CNY": 1.0, "KRW": 0.52, "SGD": 5.4}


def at_home_in(country: str) -> tuple[Place, ...]:
    """The stores of a country."""
    return tuple(place for place in PLACES if place.country == country)


def rate(place: Place, day: date) -> str | None:
    """What one unit of the store's currency is worth in yuan, which moves a little every month; None for yuan."""
    if place.currency == "CNY":
        return None
    moved = 1 + ((day.year * 12 + day.month) * 7 % 11 - 5) / 200
    digits = 1 if place.currency == "KRW" else 100
    return f"{_FEN[place.currency] / 100 * digits * moved:.6f}".rstrip("0")


def local(place: Place, fen: int) -> int:
    """A price in yuan (fen) as it stands on the label there."""
    return max(place.step, round(fen / _FEN[place.currency] / place.step) * place.step)
