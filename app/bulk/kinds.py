"""What an import does with its rows: the same checks and commands as the batch routes.

Receipts are recorded by the room `till`, ledgers and plans are written by `office`, which stand beside this one:
whoever starts the work hands their parts in.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from pydantic import BaseModel

from app.catalog import commands as catalog_commands
from app.catalog.schemas import ProductItem, StoreItem
from app.core.batch import Checked, check_items
from app.core.db import Tx
from app.core.errors import Problem
from app.core.services import Services
from app.customers import queries as customers_queries
from app.customers.commands.upsert import upsert_many
from app.customers.intake import check_customers

# What a caller needs besides imports:write.
SCOPES = {
    "customers": "customers:write",
    "products": "catalog:write",
    "stores": "catalog:write",
    "receipts": "receipts:write",
    "receivables": "credit:write",
    "sales_plans": "credit:write",
    "expense_budgets": "credit:write",
    "expenses": "credit:write",
}

# What these also need to see: what they write is money.
FINANCIAL = frozenset({"receivables", "sales_plans", "expense_budgets", "expenses"})

Check = Callable[[list[Any]], Any]
Results = Sequence[Mapping[str, Any]]
Outcomes = Mapping[int, Problem | tuple[Any, Any]]


@dataclass(frozen=True, slots=True)
class Kind:
    """How rows of one kind are written.

    `checker` answers, once per run, the pure check that may run in a thread; `write` does what the batch route does
    with what the check made of some items, and answers one result per item in order, as the route would.
    """

    checker: Callable[[Services], Awaitable[Check]]
    write: Callable[[Tx, Services, Any], Awaitable[Results]]


Kinds = Mapping[str, Kind]


def all_kinds(handed: Kinds) -> Kinds:
    """Every kind of import; what the rooms beside this one do is `handed` in: receipts, ledgers, plans, expenses."""
    return {
        "customers": Kind(_customers_check, _customers),
        "stores": Kind(model_check(StoreItem), _stores),
        "products": Kind(model_check(ProductItem), _products),
        **handed,
    }


def model_check(model: type[BaseModel]) -> Callable[[Services], Awaitable[Check]]:
    """The check of rows that are each a `model` by itself."""

    async def begin(_: Services) -> Check:
        return partial(check_items, model=model)

    return begin


async def _customers_check(services: Services) -> Check:
    region = services.settings.company.phone_region
    return partial(check_customers, regions=await services.db.run(lambda tx: customers_queries.regions(tx, region)))


async def _customers(tx: Tx, _: Services, checked: Checked) -> Results:
    items = [(index, value["item"]) for index, value in checked.valid]
    return _results(checked, await upsert_many(tx, items))


async def _stores(tx: Tx, services: Services, checked: Checked) -> Results:
    return _results(checked, await catalog_commands.put_stores(tx, checked.valid, services.settings.company))


async def _products(tx: Tx, _: Services, checked: Checked) -> Results:
    return _results(checked, await catalog_commands.put_products(tx, checked.valid))


def _results(checked: Checked, outcomes: Outcomes) -> Results:
    for index, outcome in outcomes.items():
        if isinstance(outcome, Problem):
            checked.fail(index, outcome)
        else:
            checked.done(index, *outcome)
    found: Results = checked.answer()["results"]
    return found
