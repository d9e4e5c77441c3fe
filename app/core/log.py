"""Structured logs: one JSON object a line, without personal data (no bodies, queries, or raw paths)."""

import logging
import sys
from datetime import UTC, datetime

import orjson

_FIELDS = ("request_id", "method", "route", "status", "ms", "client", "job", "code", "port", "revision", "count")


class JsonLines(logging.Formatter):
    """One record as one line; line breaks in a message are escaped by JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line. Of an exception only its type and place are kept: its text may quote a value."""
        line: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line.update({name: getattr(record, name) for name in _FIELDS if hasattr(record, name)})
        if record.exc_info and record.exc_info[0]:
            line["error"] = record.exc_info[0].__name__
            trace, places = record.exc_info[2], []
            while trace is not None:
                places.append(f"{trace.tb_frame.f_code.co_filename.rsplit('/', 2)[-1]}:{trace.tb_lineno}")
                trace = trace.tb_next
            line["at"] = places[-6:]
        return orjson.dumps(line, default=str).decode()


def configure(level: str = "INFO") -> None:
    """Send every logger's lines to standard error as JSON, and silence the ones that log request lines."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in ("uvicorn", "uvicorn.error"):
        logging.getLogger(name).handlers[:] = []
        logging.getLogger(name).propagate = True
    logging.getLogger("uvicorn.access").disabled = True
    logging.getLogger("alembic").setLevel(max(logging.WARNING, logging.getLevelName(level)))
    # SQLAlchemy logs parameters at INFO; they hold personal data.
    logging.getLogger("sqlalchemy").setLevel(max(logging.WARNING, logging.getLevelName(level)))
