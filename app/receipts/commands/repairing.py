"""Putting days, categories and figures right where they are not what the receipts say."""

import uuid
from collections.abc import Iterable

from sqlalchemy import ARRAY, Uuid, bindparam, text

from app.core.db import Tx
from app.receipts.commands.keeping import lock_customers
from app.receipts.queries.truth import KEPT


async def rebuild(tx: Tx, customers: Iterable[uuid.UUID]) -> None:
    """Compute everything that is kept of these customers anew from their receipts, while nobody else changes it."""
    ids = sorted(set(customers))
    await lock_customers(tx, ids)
    which = bindparam("customers", type_=ARRAY(Uuid))
    for kept in KEPT:
        gone = "DELETE FROM @table@ WHERE customer_id = ANY (:customers)"
        made = "INSERT INTO @table@ (@names@) SELECT @names@ FROM (@truth@) whole"
        names = ", ".join([*kept.key, *kept.columns])
        for sql in (gone, made):
            filled = sql.replace("@table@", kept.table).replace("@names@", names)
            filled = filled.replace("@truth@", kept.sql("r.customer_id = ANY (:customers)"))
            await tx.execute(text(filled).bindparams(which), {"customers": ids})
