"""Asking from a route: whose question, as of which day, with which other segments, and not too many at once."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from datetime import date
from typing import Any

from app.catalog import queries as catalog_queries
from app.core.caller import Caller
from app.core.db import Tx
from app.core.errors import FORBIDDEN, NOT_FOUND, RETRY_SOON, UNAVAILABLE, Problem
from app.core.fields import Registry
from app.core.services import Services
from app.core.types import currency_digits
from app.customers import queries as customers_queries
from app.customers.fields import attribute_field
from app.customers.fields.completeness import completeness_field
from app.segments import definition, doubts
from app.segments.check import Checked, World
from app.segments.grammar import Refused
from app.segments.models import CANNOT_BE_KEPT, NOT_KEPT, SEGMENT_TOO_EXPENSIVE
from app.segments.parse import segments_named
from app.segments.print import Printer
from app.segments.queries import compare, evaluate, memberships, saved
from app.segments.queries.evaluate import Question
from app.segments.queries.exports import Export
from app.segments.queries.memberships import Kept
from app.segments.queries.saved import Saved, Version
from app.segments.tree import Expr, Missing, Naming, WasIn
from app.segments.walk import every

# All who can be in a segment have a status.
EVERYBODY = Missing(field="status", negated=True)
# Among so many names is looked for one that may have been meant.
NAMES_MAX = 1_000
PLACES_MAX = 100_000
_SLOTS = "segments.slots"
_REGISTRY = "segments.registry"


def not_known(kept: Kept) -> Problem:
    """What was before the first day that is kept is not known."""
    detail = f"Who is in it is kept since {kept.since}. With live=true it is asked as if today were that day."
    return Problem(NOT_KEPT, detail, extra={"since": kept.since.isoformat()})


def refuse_unless_followed(checked: Checked) -> None:
    """Raise Problem cannot_be_kept for a question that nothing says when to ask again."""
    if checked.unfollowed:
        names = ", ".join(sorted(checked.unfollowed))
        raise Problem(CANNOT_BE_KEPT, f"It uses {names}, which may change for anybody at any time: ask it live.")


class Asking:
    """What routes of segments do before and around a question."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._company = services.settings.company
        self.digits = currency_digits(self._company.currency)
        self.refresh_seconds = services.settings.segments.refresh_seconds

    def today(self) -> date:
        """The company's business day."""
        return self._company.today(self._services.clock.now())

    def refuse_partner(self, caller: Caller) -> None:
        """Raise Problem forbidden for a partner."""
        if caller.partner is not None:
            raise Problem(FORBIDDEN, "Questions about customers are not open to partners.")

    async def world(self, tx: Tx, given: dict[str, Any], *more: Saved | Version | Export) -> World:
        """The world that a definition (`text` or `tree`), or that saved segments, are to be checked in."""
        names, ids = set[str](), {one for each in more for one in each.named}
        if given.get("text") is not None:
            try:
                names |= segments_named(given["text"])
            except Refused:
                names = set()  # the check says what is wrong
        elif given.get("tree") is not None:
            for node in every(given["tree"]):
                if isinstance(node, Naming):
                    names |= {node.name} if node.name is not None else set()
                    ids |= {node.segment} if node.segment is not None else set()
        known = await saved.behind(tx, ids=ids, names=names)
        unknown = names - {one.name for one in known.values()}
        others = await saved.some_names(tx, NAMES_MAX) if unknown else ()
        # What is saved is asked as it is: a place that has lost its coordinates is near nobody.
        places = await catalog_queries.located(tx, PLACES_MAX) if definition.names_place(given) else None
        registry, saved_ones = await self.registry(tx), given.get("text") is None and given.get("tree") is None
        return World(
            registry, self.digits, known, others, None if places is None else frozenset(places), saved=saved_ones
        )

    async def registry(self, tx: Tx) -> Registry:
        """Everything that can be asked about, with the attributes that the company has declared as of now."""
        declared, memo = await customers_queries.declared(tx), self._services.memo
        if not declared:
            return self._services.registry
        known: tuple[Any, Registry] | None = memo.get(_REGISTRY)
        if known is None or known[0] != declared:
            fields = [attribute_field(one) for one in declared.values()]
            fields.append(completeness_field(self._services.settings.completeness, declared.values()))
            known = memo[_REGISTRY] = declared, self._services.registry.extended(fields)
        return known[1]

    def checked(self, given: dict[str, Any], world: World, own: uuid.UUID | None = None) -> Checked:
        """The definition as a question. Raises Problem."""
        if given.get("text") is not None:
            return definition.of_text(given["text"], world, own)
        return definition.of_tree(given["tree"], world, own)

    def question(self, checked: Checked, world: World, as_of: date) -> Question:
        """The question, ready to be answered."""
        trees: dict[uuid.UUID, Expr] = {known.id: known.tree for known in world.segments.values()}
        return Question(world.registry, checked.tree, as_of, self._company.time_zone, trees)

    def everybody(self, world: World) -> Checked:
        """The question that is true of all customers."""
        return definition.of_tree(EVERYBODY, world)

    async def doubts(
        self, tx: Tx, question: Question, checked: Checked, count: int, printer: Printer
    ) -> list[dict[str, Any]]:
        """What whoever wrote a question, which is true of `count`, may not have meant.

        Whoever asks whether a field is missing knows that it may be.
        """
        everybody = await compare.population(tx, question) if count else 0
        told: list[dict[str, Any]] = []
        for where in doubts.LISTED:
            said = [one for one in doubts.said(question.tree, question.registry) if one.where == where]
            unlisted = await catalog_queries.unlisted(tx, where, [(one.value, one.below) for one in said])
            known = await catalog_queries.listed(tx, where, NAMES_MAX) if unlisted else []
            told += doubts.unlisted([one for one in said if one.value in unlisted], known)
        meant = {node.field for node in every(question.tree) if isinstance(node, Missing)}
        names = sorted(name for name in checked.uses - meant if name in question.registry.fields)
        parts = doubts.conditions(question.tree)
        seen = await evaluate.look(tx, question, names, parts) if names or parts else None
        looked = None if seen is None else doubts.Looked(*seen)
        if looked is not None:
            often = {name: percent for name, percent in looked.missing.items() if percent >= doubts.OFTEN_PERCENT}
            looked = looked._replace(missing=often)
        more = doubts.warnings(question.tree, checked, question.as_of, count, everybody, looked, printer)
        return [*told, *more]

    async def saved(self, tx: Tx, segment: uuid.UUID) -> tuple[Saved, World, Checked]:
        """A saved segment that the caller may ask. Raises Problem: there is none, or something is not granted."""
        found, world, checked = await self.posed(tx, segment)
        definition.refuse_unless_granted(tx.caller, checked)
        return found, world, checked

    async def readable(self, tx: Tx, segment: uuid.UUID) -> World:
        """The world of a segment of which the caller may read what was kept; also where it can be asked no longer.

        Raises Problem: there is none, or its question is not granted.
        """
        found = await saved.one(tx, segment)
        if found is None:
            raise Problem(NOT_FOUND)
        world, checked = await self.world(tx, {}, found), None
        with suppress(Problem):
            checked = definition.of_tree(found.tree, world)
        if checked is not None:
            definition.refuse_unless_granted(tx.caller, checked)
        return world

    async def posed(self, tx: Tx, segment: uuid.UUID) -> tuple[Saved, World, Checked]:
        """A saved segment, whoever asks. Raises Problem: there is none, or it cannot be answered any more."""
        found = await saved.one(tx, segment)
        if found is None:
            raise Problem(NOT_FOUND)
        world = await self.world(tx, {}, found)
        checked = definition.of_tree(found.tree, world)
        return found, world, checked

    async def known(self, tx: Tx, found: Saved, as_of: date | None, *, live: bool) -> Kept | None:
        """How it is kept who was in a segment on a day; None where that is to be asked.

        Raises Problem not_kept for a day before the first that is kept.
        """
        kept = (await memberships.kept(tx, [found.id])).get(found.id) if found.materialised and not live else None
        if kept is None or as_of is None or kept.since <= as_of <= kept.as_of:
            return kept
        if as_of < kept.since:
            raise not_known(kept)
        return None

    @staticmethod
    def members(found: Saved, asked: Question, kept: Kept | None, as_of: date | None) -> tuple[Question, bool]:
        """What to ask for who is in a segment (on a day), and whether that is just who is kept in it now."""
        if kept is None:
            return replace(asked, as_of=as_of or asked.as_of), False
        day = as_of or kept.as_of
        return replace(asked, as_of=day, tree=WasIn(segment=found.id, on=day)), day == kept.as_of

    async def held(
        self, tx: Tx, asked: Sequence[tuple[Saved, Question]], customer: uuid.UUID, as_of: date | None
    ) -> tuple[set[uuid.UUID], dict[uuid.UUID, Kept]]:
        """Which of some segments a customer is in (on a day), and how those are kept of which that was not asked."""
        kept = await memberships.kept(tx, [one.id for one, _ in asked if one.materialised])
        if as_of is not None:
            kept = {one: each for one, each in kept.items() if each.since <= as_of <= each.as_of}
        there = await memberships.held(tx, customer, list(kept)) if kept else set()
        questions, found = dict[uuid.UUID, Question](), set[uuid.UUID]()
        for one, question in asked:
            then, now = self.members(one, question, kept.get(one.id), as_of)
            if not now:
                questions[one.id] = then
            elif one.id in there:
                found.add(one.id)
        truths = await evaluate.held(tx, list(questions.values()), customer)
        return found | {one for one, truth in zip(questions, truths, strict=True) if truth}, kept

    async def exported(self, tx: Tx, export: Export) -> tuple[Question, World]:
        """What a file asks, in its world; the columns are there too. Raises Problem: something is not any more."""
        world = await self.world(tx, {}, export)
        checked = definition.of_tree(export.tree, world)
        if not world.registry.fields.keys() >= set(export.columns):
            raise Problem(NOT_FOUND, "A column of the file is not known any more.")
        return self.question(checked, world, export.as_of), world

    async def askable(self, tx: Tx, some: Sequence[Saved], as_of: date) -> list[tuple[Saved, Question]]:
        """Those of some saved segments that the caller may ask."""
        world = await self.world(tx, {}, *some)
        found = []
        for one in some:
            try:
                checked = definition.of_tree(one.tree, world)
                definition.refuse_unless_granted(tx.caller, checked)
            except Problem:
                continue
            found.append((one, self.question(checked, world, as_of)))
        return found

    async def referring(self, tx: Tx, segment: uuid.UUID) -> list[tuple[uuid.UUID, Checked]]:
        """The segments that refer to one, through others too, with what follows from them now.

        Raises Problem cannot_be_kept if one of them is kept and could be followed no longer.
        """
        referring = await saved.above(tx, segment)
        world, found = await self.world(tx, {}, *referring), []
        for one in referring:
            checked = None
            # One that cannot be answered any more has nothing that follows from it.
            with suppress(Problem):
                checked = definition.of_tree(one.tree, world)
            if checked is not None:
                found.append((one.id, checked))
                if one.materialised:
                    refuse_unless_followed(checked)
        return found

    async def affordable(self, tx: Tx, *questions: Question) -> float:
        """The planner's estimate of what questions cost together. Raises Problem if it is too much."""
        cost = sum([await evaluate.cost(tx, question) for question in questions])
        if cost > self._services.settings.segments.cost_max:
            detail = "Ask for a shorter window or for less at once."
            raise Problem(SEGMENT_TOO_EXPENSIVE, detail, extra={"cost": round(cost)})
        return cost

    @asynccontextmanager
    async def turn(self, caller: Caller, *, about_one: bool = False) -> AsyncIterator[Tx]:
        """A READ ONLY transaction for one question, bounded in time; not more run at once than the setting says.

        Questions about one customer are quick and never wait for those about all. Raises Problem unavailable when it is
        nobody's turn for too long.
        """
        self.refuse_partner(caller)
        settings, memo = self._services.settings.segments, self._services.memo
        lane = (_SLOTS, about_one)
        slots: asyncio.Semaphore = memo.setdefault(lane, asyncio.Semaphore(settings.running))
        try:
            async with asyncio.timeout(settings.wait_seconds):
                await slots.acquire()
        except TimeoutError:
            detail = "Other questions are being answered; ask again."
            raise Problem(UNAVAILABLE, detail, headers=dict(RETRY_SOON)) from None
        try:
            async with self._services.db.reading(caller) as tx:
                await evaluate.limited(tx, settings.evaluation_seconds)
                yield tx
        finally:
            slots.release()
