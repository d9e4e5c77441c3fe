"""What every process is made of: the API, the worker and each command hold the same services."""

from functools import partial

from app.access import models as access_models
from app.access import person as access_person
from app.access.reads import ReadAudit
from app.bulk import models as bulk_models
from app.bulk import person as bulk_person
from app.bulk.kinds import Check, Kind, Kinds, Results, all_kinds, model_check
from app.catalog import models as catalog_models
from app.catalog.queries import phone_regions
from app.core import jobs
from app.core.batch import Checked
from app.core.clock import Clock
from app.core.db import Database, Tx
from app.core.documents import Sections
from app.core.errors import ErrorMap
from app.core.metrics import Metrics
from app.core.offload import Offload
from app.core.pages import Cursors
from app.core.person import Person
from app.core.rights import Person as Holder
from app.core.services import Services
from app.core.settings import Settings
from app.credit import models as credit_models
from app.credit import person as credit_person
from app.credit.kinds import KINDS as PLAN_KINDS
from app.credit.kinds import PlanKind
from app.credit.schemas import ExpenseItem, PlanItem, ReceivableItem
from app.customers import models as customers_models
from app.customers import person as customers_person
from app.customers.completeness import unknown_weights
from app.early_warning import models as early_warning_models
from app.early_warning import person as early_warning_person
from app.early_warning.opportunities import models as opportunities_models
from app.engagement import models as engagement_models
from app.engagement import person as engagement_person
from app.feed import models as feed_models
from app.feed import person as feed_person
from app.feed import queries as feed_queries
from app.feed.waiter import FeedWaiter
from app.office import commands as office
from app.privacy import models as privacy_models
from app.privacy import queries as privacy_queries
from app.receipts import models as receipts_models
from app.receipts import person as receipts_person
from app.receipts.sections import FIGURES
from app.registry import build_registry
from app.segments import models as segments_models
from app.segments import person as segments_person
from app.till import commands as till_commands
from app.till.prepare import Prepared, prepare_items
from app.till.terms import Terms
from app.value import models as value_models

_MODELS = (
    access_models, feed_models, catalog_models, customers_models, receipts_models, credit_models, engagement_models,
    value_models, segments_models, early_warning_models, opportunities_models, privacy_models, bulk_models,
)  # fmt: skip
# Lower rooms first: a warning is judged by what is owed, and that by what was bought.
PERSONS: tuple[Person, ...] = (
    access_person, feed_person, customers_person, receipts_person, credit_person, engagement_person, segments_person,
    early_warning_person,
)  # fmt: skip
# Whom a person's rights concern, in the order in which the export shows it: imports hold files that are not in yet.
RIGHTS: tuple[Holder, ...] = (
    customers_person, receipts_person, credit_person, engagement_person, segments_person, early_warning_person,
    access_person, bulk_person,
)  # fmt: skip


def build_services(settings: Settings, url: str, clock: Clock | None = None) -> Services:
    """Everything a process holds, not yet opened. The worker and the CLI use it too."""
    clock = clock or Clock()
    unknown = unknown_weights(settings.completeness.weights)
    if unknown:
        raise ValueError(f"CLIENTELE_COMPLETENESS__WEIGHTS names what cannot be weighed: {', '.join(unknown)}")
    db = Database(url, settings, clock)
    metrics = Metrics()
    for name, in_use in db.in_use().items():
        metrics.watch_pool(name, in_use)
    return Services(
        settings=settings,
        clock=clock,
        db=db,
        reads=ReadAudit(db),
        cursors=Cursors(settings.secret),
        errors=ErrorMap(models.PROBLEMS for models in _MODELS),
        metrics=metrics,
        offload=Offload(inline_bytes=settings.limits.offload_bytes),
        feed=FeedWaiter(db),
        registry=build_registry(settings.completeness),
        sections=Sections((FIGURES,)),
        persons=PERSONS,
        rights=RIGHTS,
        probes=(feed_queries.probe, jobs.probe, privacy_queries.probe),
    )


def import_kinds() -> Kinds:
    """How the rows of imports are written: receipts as the till writes them, ledgers as the office does."""

    async def check(services: Services) -> Check:
        regions = await services.db.run(phone_regions)
        return partial(prepare_items, terms=Terms(services.settings.company, services.clock.now(), regions))

    async def write(tx: Tx, services: Services, prepared: Prepared) -> Results:
        return await till_commands.record_receipts(tx, prepared, services.settings.company)

    async def enter(tx: Tx, services: Services, checked: Checked) -> Results:
        results: Results = (await office.import_receivables(tx, checked, services.settings.company))["results"]
        return results

    async def plan(tx: Tx, services: Services, checked: Checked, kind: PlanKind) -> Results:
        results: Results = (await office.put_plans(tx, kind, checked, services.settings.company))["results"]
        return results

    async def spend(tx: Tx, services: Services, checked: Checked) -> Results:
        results: Results = (await office.import_expenses(tx, checked, services.settings.company))["results"]
        return results

    plans = {kind.table: Kind(model_check(PlanItem), partial(plan, kind=kind)) for kind in PLAN_KINDS}
    entries = {
        "receivables": Kind(model_check(ReceivableItem), enter),
        "expenses": Kind(model_check(ExpenseItem), spend),
    }
    return all_kinds({"receipts": Kind(check, write), **entries, **plans})
