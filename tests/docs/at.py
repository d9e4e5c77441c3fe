"""`clientele`, so many seconds away from now: `python at.py SECONDS serve ...`.

Everything is the real thing but the business clock, so that a page's answers are the same tomorrow.
"""

import sys
from datetime import UTC, datetime, timedelta

from app.cli import main
from app.core.clock import Clock

AWAY = timedelta(seconds=float(sys.argv.pop(1)))


def _now(_: Clock) -> datetime:
    return datetime.now(UTC) + AWAY


if __name__ == "__main__":
    Clock.now = _now  # type: ignore[assignment,method-assign]
    main()
