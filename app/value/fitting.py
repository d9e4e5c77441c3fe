"""Fitting the MBG/NBD model by maximum likelihood, without any numerical library. Pure.

Identical histories are counted once, and what depends on the number of repeats alone is computed once per number, so a
fit over 50,000 customers takes seconds. It is still too long for a process that answers requests.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from math import exp, inf, lgamma, log, log1p

from app.value.rhythm import LARGEST, History, Rhythm

Counts = Mapping[History, int]
# Beyond these a parameter says 'everybody alike'; the likelihood is flat there and a search would run off for ever.
LOG_LEAST, LOG_MOST = log(1e-4), log(1e6)
# A search ends when its corners agree this well in likelihood per customer. How near they are to each other is no sign:
# where nobody is ever lost the likelihood is a ridge, and points far apart on it say the same of every customer.
ALIKE = 1e-8
STEPS_MAX = 2000


@dataclass(frozen=True, slots=True)
class Fit:
    """The parameters that make what was seen most likely, and the logarithm of that likelihood."""

    rhythm: Rhythm
    log_likelihood: float
    customers: int


def compressed(histories: Iterable[History]) -> Counter[History]:
    """How many customers share each history."""
    return Counter(histories)


def fit(counts: Counts) -> Fit:
    """Fit the model. Raises ValueError if nobody bought, or if nobody came back."""
    rows = sorted(counts.items())
    if not any(history.repeats for history, _ in rows):
        raise ValueError("a rhythm needs customers who came back")
    customers = sum(counts.values())
    # The scale of time is that of the data: only shapes are left for the search to find.
    scale = sum(history.age * count for history, count in rows) / customers or 1.0

    def loss(point: Sequence[float]) -> float:
        if any(not LOG_LEAST <= one <= LOG_MOST for one in point):
            return inf
        return -log_likelihood(_rhythm(point, scale), rows) / customers

    best = minimum(loss, [log(0.5), log(0.25), log(1.0), log(2.0)])
    # A search of this kind may stop early on a slope; starting again from where it stopped costs little.
    best = minimum(loss, best)
    return Fit(_rhythm(best, scale), -loss(best) * customers, customers)


def _rhythm(point: Sequence[float], scale: float) -> Rhythm:
    r, alpha, a, b = (exp(one) for one in point)
    return Rhythm(r, alpha * scale, a, b)


def log_likelihood(rhythm: Rhythm, rows: Iterable[tuple[History, int]]) -> float:
    """The logarithm of the probability of `rows` (history, how many customers have it)."""
    r, alpha, a, b = rhythm.r, rhythm.alpha, rhythm.a, rhythm.b
    start = r * log(alpha) - lgamma(r) - (lgamma(a) + lgamma(b) - lgamma(a + b))
    by_repeats: dict[int, float] = {}
    total = 0.0
    for (x, recency, age), count in rows:
        shape = by_repeats.get(x)
        if shape is None:
            shape = lgamma(r + x) + lgamma(a) + lgamma(b + x + 1) - lgamma(a + b + x + 1)
            by_repeats[x] = shape
        seen = log(alpha + age)
        silence = min((r + x) * (seen - log(alpha + recency)), LARGEST)
        total += count * (start + shape - (r + x) * seen + log1p(a / (b + x) * exp(silence)))
    return total


def minimum(function: Callable[[Sequence[float]], float], start: Sequence[float]) -> list[float]:
    """Where `function` is least, near `start`: the simplex search of Nelder and Mead (1965)."""
    size = len(start)
    corners = [list(start), *([*start[:i], start[i] + 0.5, *start[i + 1 :]] for i in range(size))]
    simplex = sorted((function(corner), corner) for corner in corners)
    for _ in range(STEPS_MAX):
        if simplex[-1][0] - simplex[0][0] < ALIKE:
            break
        centre = [sum(corner[i] for _, corner in simplex[:-1]) / size for i in range(size)]
        worst = simplex[-1][1]

        def tried(step: float, centre: list[float] = centre, worst: list[float] = worst) -> tuple[float, list[float]]:
            point = [middle + step * (middle - far) for middle, far in zip(centre, worst, strict=True)]
            return function(point), point

        reflected = tried(1.0)
        if reflected[0] < simplex[0][0]:
            simplex[-1] = min(reflected, tried(2.0))
        elif reflected[0] < simplex[-2][0]:
            simplex[-1] = reflected
        else:
            contracted = min(tried(0.5), tried(-0.5))
            if contracted[0] < simplex[-1][0]:
                simplex[-1] = contracted
            else:
                simplex = [simplex[0], *(_shrunk(function, corner, simplex[0][1]) for _, corner in simplex[1:])]
        simplex.sort()
    return simplex[0][1]


def _shrunk(
    function: Callable[[Sequence[float]], float], corner: Sequence[float], best: Sequence[float]
) -> tuple[float, list[float]]:
    point = [(one + other) / 2 for one, other in zip(corner, best, strict=True)]
    return function(point), point
