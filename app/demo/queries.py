"""What the demo asks the database: whether it is there already, and whether anybody else is."""

import uuid
from typing import Any

from sqlalchemy import literal, or_, select

from app.catalog.models import Product, Store
from app.core.db import Tx
from app.core.models import Job
from app.customers.models import Customer


async def job(tx: Tx, job_id: uuid.UUID) -> Any:
    """(status, arguments) of a job, or None."""
    return (await tx.execute(select(Job.status, Job.arguments).where(Job.id == job_id))).first()


async def is_empty(tx: Tx) -> bool:
    """Whether there is no customer, store or product at all."""
    anything = or_(*(select(literal(1)).select_from(one).exists() for one in (Customer, Store, Product)))
    return not await tx.scalar(select(anything))
