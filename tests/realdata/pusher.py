"""A client process that pushes batches from files: `python -m tests.realdata.pusher PORT`.

The API key comes in the environment, file names on standard input, one a line. For each, one JSON line goes out: the
count of each status.
"""

import json
import os
import sys
import time
from collections import Counter
from pathlib import Path

from tests.served import Line


def main() -> None:
    """Push until the input ends."""
    line = Line(int(sys.argv[1]), os.environ["PUSHER_KEY"], timeout=120)
    for name in sys.stdin:
        sys.stdout.write(json.dumps(_push(line, Path(name.strip()).read_bytes())) + "\n")
        sys.stdout.flush()
    line.close()


def _push(line: Line, body: bytes) -> dict[str, int]:
    while (answer := line.call("POST", "/v1/receipts/batch", body)).status in {429, 503}:
        time.sleep(float(answer.headers["retry-after"]))
    if answer.status != 200:
        raise SystemExit(f"{answer.status} {answer.body[:1000]!r}")
    results = answer.json()["results"]
    failed = [result for result in results if result["status"] == "failed"]
    if failed:
        raise SystemExit(f"{len(failed)} failed, the first: {failed[0]}")
    return dict(Counter(result["status"] for result in results))


if __name__ == "__main__":
    main()
