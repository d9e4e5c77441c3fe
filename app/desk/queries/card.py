"""Everything on one screen: what the rooms know of one customer, in one statement."""

from typing import Any

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Date,
    DateTime,
    Select,
    Text,
    Uuid,
    bindparam,
    cast,
    column,
    null,
    select,
    text,
)
from sqlalchemy.sql.selectable import Subquery

from app.core.caller import Caller
from app.core.documents import Sections, json_object
from app.customers import queries as customers_queries
from app.customers.identifiers import WALK_IN
from app.customers.models import Customer
from app.customers.queries import present, sight
from app.customers.queries.belongings import related
from app.customers.queries.contact import wishes
from app.desk.queries.lookup import STANDING, about
from app.early_warning import queries as warning_queries
from app.early_warning.opportunities import queries as opportunity_queries
from app.engagement import queries as engagement_queries
from app.receipts import queries as receipt_queries

LAST_RECEIPTS = 5
LAST_INTERACTIONS = 5
RELATIONSHIPS_MAX = 20
# A section is there for who may ask for the same by itself.
SCOPES = frozenset({"receipts:read", "warnings:read", "engagement:read"})


def card(caller: Caller, sections: Sections, shared_birthday: int) -> Select[Any]:
    """What `caller` may see of a customer, in one row; none if there is no such customer for the caller.

    `customer` and `document` are the texts of JSON objects, `basis` is that of what is known of the customer (for
    `customers.queries.read_basis`; the answer never shows it), `warnings` that of a list for `early_warning.documents`,
    `opportunities` for `early_warning.opportunities.documents` (null if they are not for the caller), and the
    other columns are those of `STANDING`.

    Parameters: `customer`, `now`, `today` (the company's day), its `month` and `day`, and those of
    `customers.queries.reach_values`.
    """
    this, groups = Customer.__table__.c.id, caller.field_groups
    parts = {}
    if caller.may("receipts:read"):
        parts["receipts"] = receipt_queries.last_receipts(this, groups, LAST_RECEIPTS)
    if caller.may("engagement:read"):
        parts["engagement"] = engagement_queries.card(this, groups, interactions=LAST_INTERACTIONS)
    parts["wishes"] = wishes(this)
    parts["relationships"] = related(this, caller, RELATIONSHIPS_MAX)
    warned = cast(warning_queries.live(this), Text) if caller.may("warnings:read") else null()
    chances = cast(opportunity_queries.live(this, groups), Text) if caller.may("warnings:read") else null()
    standing = _standing()
    return (
        select(
            cast(about(caller, sections), Text).label("customer"),
            cast(customers_queries.basis_document(shared_birthday), Text).label("basis"),
            cast(json_object(**parts), Text).label("document"),
            warned.label("warnings"),
            chances.label("opportunities"),
            *standing.c,
        )
        .select_from(Customer.__table__.join(standing, standing.c.customer_id == this))
        .where(this == bindparam("customer", type_=Uuid), Customer.kind != WALK_IN, present(sight(caller)))
    )


def _standing() -> Subquery:
    return text(STANDING).columns(
        column("customer_id", Uuid), column("status", Text), column("credit_limit", BigInteger),
        column("balance", BigInteger), column("currency", Text), column("overdue", BigInteger), column("since", Date),
        column("reserved", BigInteger),
        column("rules", ARRAY(Text)), column("reasons", ARRAY(Text)), column("placed", ARRAY(DateTime(timezone=True))),
    ).subquery("standing")  # fmt: skip
