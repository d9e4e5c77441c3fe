"""Rate limits per client, counted in this process: every process of a deployment has its own count.

A leaky bucket as one number per client and lane (GCRA): the moment at which the bucket will be empty again.
"""

import time
from collections.abc import Callable
from math import ceil
from uuid import UUID

from app.core.caller import Caller
from app.core.errors import RATE_LIMITED, Problem
from app.core.settings import Settings


class _Policy:
    """One limit: `rate` requests per second, `quota` of them at once."""

    def __init__(self, name: str, rate: float, burst_seconds: float) -> None:
        self.step = 1 / rate
        self.quota = max(1, int(rate * burst_seconds))
        # A bucket must take at least one request, however low the rate is.
        self.window = self.quota * self.step
        # Adding up steps must not cost the last request of a quota.
        self.rounding = self.step / 1000
        self.header = f'"{name}";q={self.quota};w={ceil(self.window)}'
        self.start = f'"{name}";r='


class Throttle:
    """Counts a request of a caller in a lane. Keys of one client share its buckets, and lanes do not."""

    def __init__(self, settings: Settings, monotonic: Callable[[], float] = time.monotonic) -> None:
        rates = settings.rates
        per_second = {
            "standard": rates.standard_per_second,
            "large": rates.large_per_second,
            "bulk": rates.bulk_per_second,
        }
        self._monotonic = monotonic
        self._policies = {name: _Policy(name, rate, rates.burst_seconds) for name, rate in per_second.items()}
        self._standard, self._bulk = self._policies["standard"], self._policies["bulk"]
        self._lanes: dict[str, dict[UUID, float]] = {"main": {}, "bulk": {}}

    def __call__(self, caller: Caller, lane: str) -> dict[str, str]:
        """The headers that tell the caller where it stands (draft-ietf-httpapi-ratelimit-headers).

        `r` is how many requests may follow at once, `t` the seconds until the whole quota is back. Raises Problem
        rate_limited with the same headers and Retry-After.
        """
        policy = self._bulk if lane == "bulk" else self._policies.get(caller.rate_class, self._standard)
        empty_at, now = self._lanes[lane], self._monotonic()
        filled = empty_at.get(caller.client_id, 0.0) - now
        # Idle clients start from an empty bucket: what is left of the past is forgotten.
        used = filled + policy.step if filled > 0 else policy.step
        left = policy.window - used + policy.rounding
        if left < 0:
            raise _refused(policy, filled, -left)
        empty_at[caller.client_id] = now + used
        return {
            "RateLimit": f"{policy.start}{int(left / policy.step)};t={int(used) + 1}",
            "RateLimit-Policy": policy.header,
        }


def _refused(policy: _Policy, filled: float, seconds: float) -> Problem:
    wait = max(1, ceil(seconds))
    headers = {
        "Retry-After": str(wait),
        "RateLimit": f"{policy.start}0;t={max(1, ceil(filled))}",
        "RateLimit-Policy": policy.header,
    }
    detail = f"At most {policy.quota} requests in {policy.window:g} s; try again in {wait} s."
    return Problem(RATE_LIMITED, detail, headers=headers)
