"""Tables of value: the models that were fitted, with what they were fitted on."""

import uuid
from datetime import date
from typing import Any

from sqlalchemy import CheckConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from app.core.errors import ProblemType
from app.core.tables import Base, Stamp

MODELS = ("mbg_nbd",)
# Fitted apart, since they buy apart; `all` stands in for the one of which there are too few.
POPULATIONS = ("person", "business", "all")


class ModelFit(Base):
    """A fitted model. Fits are kept; the newest of a population is the one in use.

    `mbg_nbd` has the parameters r, alpha, a, b (see `value.rhythm`), with times in days. `basis` tells what it was
    fitted on: `buyers`, `days`, of how many buyers (`sample`), and the `log_likelihood`.
    """

    __tablename__ = "model_fits"
    __table_args__ = (
        CheckConstraint(f"model IN ('{MODELS[0]}')", name="model"),
        CheckConstraint(f"population IN {POPULATIONS}", name="population"),
        Index("ix_model_fits_newest", "model", "population", "fitted_at", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    fitted_at: Mapped[Stamp]
    as_of: Mapped[date]
    model: Mapped[str]
    population: Mapped[str]
    parameters: Mapped[dict[str, Any]]
    basis: Mapped[dict[str, Any]]


PROBLEMS: dict[str, ProblemType] = {}
