"""What a language has to say about warnings, and how it writes numbers, days and periods. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import ROUND_HALF_UP, Decimal


@dataclass(frozen=True, slots=True)
class Words:
    """The texts of one language, each by state. `without_sales` stands for `share_climbing` where nothing was sold.

    `holds` say why a rule stops sales. `suspended`, `no_account`, `too_much` and `more_than_left` (of `amount` and
    `left`) say why nothing is sold on account. `small` is a share below one percent.
    """

    sentences: Mapping[str, str]
    without_sales: str
    steps: Mapping[str, str]
    holds: Mapping[str, str]
    suspended: str
    no_account: str
    too_much: str
    more_than_left: str
    small: str
    days: Callable[[int], str]
    date: Callable[[date], str]
    period: Callable[[str], str]

    def percent(self, share: Decimal) -> str:
        """A share in whole percent: 35 %."""
        if share < Decimal("0.01"):
            return self.small
        return f"{(share * 100).quantize(Decimal(1), ROUND_HALF_UP)} %"


def period_in(year: str, quarter: str, month: str) -> Callable[[str], str]:
    """How a language writes `2026`, `2026-Q3` and `2026-07`, by patterns of `year`, `quarter` and `month`."""

    def written(text: str) -> str:
        number, _, part = text.partition("-")
        if not part:
            return year.format(year=number)
        if part.startswith("Q"):
            return quarter.format(year=number, quarter=part[1:])
        return month.format(year=number, month=int(part))

    return written
