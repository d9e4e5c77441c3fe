"""What a receipt is checked against, apart from itself: the company's settings, the time, the stores' phone regions."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal

from app.core.settings import CompanySettings
from app.core.types import AMOUNT_MAX, currency_digits

# Clocks of tills drift; a receipt from further ahead is a mistake.
AHEAD = timedelta(days=1)
# Digits enough for any amount times any rate, so that only the last step rounds.
_EXACT = Context(prec=60, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Terms:
    """Settings for checking receipts. `regions` holds the phone regions of stores, as far as they are known already."""

    company: CompanySettings
    now: datetime
    regions: Mapping[str, str] = field(default_factory=dict)

    def region(self, store: str) -> str:
        """The region in which a phone number without country code is read."""
        return self.regions.get(store, self.company.phone_region)


@dataclass(frozen=True, slots=True)
class Exchange:
    """From the minor units of a receipt's currency to those of the company's; rounds half to even."""

    factor: Decimal | None

    @classmethod
    def of(cls, currency: str, rate: str | None, base: str) -> "Exchange":
        """`rate` is units of `base` per unit of `currency`; both have their own number of digits."""
        if currency == base or rate is None:
            return cls(None)
        return cls(Decimal(rate).scaleb(currency_digits(base) - currency_digits(currency)))

    def base(self, amount: int) -> int:
        """`amount` in minor units of the company's currency. Raises OverflowError beyond what any amount may be."""
        if self.factor is None:
            return amount
        found = int(_EXACT.to_integral_value(_EXACT.multiply(Decimal(amount), self.factor)))
        if abs(found) > AMOUNT_MAX:
            raise OverflowError
        return found
