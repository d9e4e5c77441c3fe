"""How a customer buys, by the MBG/NBD model (Batislam, Denizel, Filiztekin 2007; Hoppe, Wagner 2007). Pure.

A customer buys at a rate of his own and may drop out after any purchase, the first included. The population tells how
rates and drop-outs vary; a customer's own purchases move him away from it, the more the more they are. Times are in
any one unit (ours: days) for parameters, histories and horizons alike.
"""

from dataclasses import dataclass
from math import exp, log
from typing import NamedTuple

# exp() beyond this tells nothing more, and PostgreSQL's refuses to go beyond 709. Half of it where the result is
# multiplied.
LARGEST = 700.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """A population: rates are Gamma(r, alpha), the chance to drop out after a purchase is Beta(a, b)."""

    r: float
    alpha: float
    a: float
    b: float


class History(NamedTuple):
    """What is known of one customer: `repeats` = occasions - 1, `recency` = last - first, `age` = as of - first."""

    repeats: int
    recency: float
    age: float


# The published fit of the CDNOW sample, in days: where a company has too few customers for a fit of its own. It says
# little (rates vary widely), so a customer's own purchases soon count for more.
PARENT = Rhythm(r=0.525, alpha=7 * 6.183, a=0.891, b=1.614)


def overdue(rhythm: Rhythm, history: History) -> float:
    """The share of the customer's gaps, as far as they are known, that are shorter than the present silence."""
    return 1 - exp(-_silence(rhythm, history))


def alive(rhythm: Rhythm, history: History) -> float:
    """The probability that the customer has not dropped out."""
    odds = rhythm.a / (rhythm.b + history.repeats) * exp(_silence(rhythm, history))
    return 1 / (1 + odds)


def buys_within(rhythm: Rhythm, history: History, horizon: float) -> float:
    """The probability of at least one purchase within `horizon` from now."""
    seen = rhythm.alpha + history.age
    none = exp(-min((rhythm.r + history.repeats) * log((seen + horizon) / seen), LARGEST))
    return alive(rhythm, history) * (1 - none)


def usual_gap(rhythm: Rhythm, history: History, quantile: float) -> float:
    """The silence that is longer than `quantile` of the customer's gaps: 'usually back within'."""
    shape = rhythm.r + history.repeats
    return (rhythm.alpha + history.recency) * (exp(min(-log(1 - quantile) / shape, LARGEST / 2)) - 1)


def _silence(rhythm: Rhythm, history: History) -> float:
    span = log((rhythm.alpha + history.age) / (rhythm.alpha + history.recency))
    return min((rhythm.r + history.repeats) * span, LARGEST)
