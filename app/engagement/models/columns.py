"""The columns, keys and checks that tables of engagement share."""

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, ForeignKeyConstraint, Index, PrimaryKeyConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from app.core.tables import Stamp
from app.engagement.choices import words


def one_of(column: str, choice: Any) -> CheckConstraint:
    return CheckConstraint(f"{column} IN {words(choice)}", name=column)


def some_of(column: str, choice: Any) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words(choice))
    return CheckConstraint(f"{column} <@ ARRAY[{listed}]", name=column)


def scale(*columns: str) -> CheckConstraint:
    return CheckConstraint(" AND ".join(f"{column} BETWEEN 1 AND 5" for column in columns), name="scale")


def of_customer(table: str) -> tuple[Any, ...]:
    """Key, customer, and the order of a customer's list."""
    return (
        PrimaryKeyConstraint("customer_id", "id"),
        ForeignKeyConstraint(["customer_id"], ["customers.id"]),
        Index(f"ix_{table}_customer_id_occurred_at", "customer_id", "occurred_at", "id"),
    )


def closing(column: str, *live: str) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in live)
    return CheckConstraint(f"({column} IN ({listed})) = (closed_at IS NULL)", name="closed")


def waiting(table: str) -> Index:
    """The queue of records whose task is still to be made."""
    return Index(f"ix_{table}_task_at", "task_at", postgresql_where=text("task_at IS NOT NULL"))


def work_list(table: str, live: str) -> tuple[Index, Index]:
    """What wants something done, the first due first; and everything, by id."""
    due = Index(f"ix_{table}_live", "due_at", "id", postgresql_where=text(live))
    return due, Index(f"ix_{table}_id", "id")


class OfCustomer:
    """A record about a customer. `occurred_on` is the company's day of `occurred_at`.

    `by` is the member of staff who did it, `recorded_by` the client that wrote it down.
    """

    customer_id: Mapped[uuid.UUID] = mapped_column(sort_order=-1)
    id: Mapped[uuid.UUID] = mapped_column(sort_order=-1)
    recorded_by: Mapped[uuid.UUID] = mapped_column(sort_order=-1)
    version: Mapped[int] = mapped_column(BigInteger, sort_order=-1)
    occurred_at: Mapped[Stamp] = mapped_column(sort_order=-1)
    created_at: Mapped[Stamp] = mapped_column(sort_order=-1)
    updated_at: Mapped[Stamp] = mapped_column(sort_order=-1)
    occurred_on: Mapped[date] = mapped_column(sort_order=-1)
    by: Mapped[str | None] = mapped_column(sort_order=-1)


class WithTask:
    """A record that makes a task when it falls due: at `task_at`, null once that is done or there is nothing to do."""

    task_at: Mapped[datetime | None]


class WithLife:
    """A record that is closed at some time, by a client (`closed_by`)."""

    closed_at: Mapped[datetime | None]
    closed_by: Mapped[uuid.UUID | None]
