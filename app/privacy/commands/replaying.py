"""After a restore: erasing again whoever came back, by the list that was kept outside the database."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import literal
from sqlalchemy.dialects.postgresql import insert

from app.access.audit import AuditEntry, record
from app.core.db import Tx
from app.core.ids import COMPANY
from app.core.rights import Kept
from app.feed.commands import ensure_epoch
from app.feed.queries import here
from app.privacy.commands.erasing import Office, forget, kept_of, lock, tell
from app.privacy.models import Erasure, ErasureState
from app.privacy.signing import is_signed


@dataclass(frozen=True, slots=True)
class Listed:
    """One line of the list: an erasure with its signed record."""

    record: dict[str, Any]
    signature: str
    public_key: str

    @classmethod
    def read(cls, line: Any, trusted: frozenset[str]) -> "Listed":
        """A decoded line. Raises ValueError if it is none, or was not signed by a trusted key."""
        try:
            found = cls(dict(line["record"]), str(line["signature"]), str(line["public_key"]))
            found.ids, found.erased_at, found.until  # noqa: B018  they must be readable
        except (TypeError, KeyError, ValueError) as error:
            raise ValueError("this is no line of the list") from error
        if found.public_key not in trusted or not is_signed(found.record, found.signature, found.public_key):
            raise ValueError("the signature is not that of a trusted key")
        return found

    @property
    def ids(self) -> list[uuid.UUID]:
        """The customer, and those that had been merged into it."""
        return [uuid.UUID(one) for one in (self.record["customer_id"], *self.record["also"])]

    @property
    def erased_at(self) -> datetime:
        """When it was erased."""
        return datetime.fromisoformat(self.record["erased_at"])

    @property
    def until(self) -> dict[str, date | None]:
        """By rule, when what it holds back goes."""
        return {
            one["rule"]: None if one["until"] is None else date.fromisoformat(one["until"])
            for one in self.record["kept"]
        }


async def ensure_state(tx: Tx) -> None:
    """Note in which database the list begins; later ones that are restored elsewhere are told by it."""
    await tx.execute(insert(ErasureState).values(_state(tx)).on_conflict_do_nothing(index_elements=["id"]))


async def complete(tx: Tx) -> None:
    """The list was replayed in this database; the feed begins anew if it was restored."""
    await ensure_epoch(tx)
    made = insert(ErasureState).values(_state(tx))
    renewed = {name: made.excluded[name] for name in ("cluster", "changed_at")}
    await tx.execute(made.on_conflict_do_update(index_elements=["id"], set_=renewed))
    await tx.execute(record(tx, [AuditEntry("erasures.replay", "erasures", COMPANY)]))


def _state(tx: Tx) -> dict[str, Any]:
    return {"id": 1, "cluster": here(), "changed_at": literal(tx.now)}


async def replay(tx: Tx, office: Office, listed: Sequence[Listed]) -> int:
    """Erase again whoever of these is there, and put every erasure on record. Returns how many customers came back.

    A fixed few statements, however many. Customers of whom the backup knew nothing are no work, and repeating it is
    none.
    """
    today = office.settings.company.today(tx.now)
    held, related = await lock(tx, {one for each in listed for one in each.ids})
    back = {one: row for one, row in held.items() if row.status != "erased"}
    into, some = _leaders(held), []
    for each in listed:
        rules = {rule for rule, day in each.until.items() if day is None or day > today}
        mine = set(each.ids)
        some.append(([one for one in back if into[one] in mine or one in mine], rules))
    ids = {one for mine, _ in some for one in mine}
    if ids:
        await _again(tx, office, sorted(ids), kept_of(some))
    rows = [_row(tx, each) for each in listed]
    await tx.execute(insert(Erasure).values(rows).on_conflict_do_nothing())
    await tell(tx, {one: row.version + 1 for one, row in back.items()}, related)
    return len(back)


def _leaders(held: dict[uuid.UUID, Any]) -> dict[uuid.UUID, uuid.UUID]:
    """Into whom each was merged in the end."""
    found = {}
    for one in held:
        last = one
        while held[last].merged_into in held:
            last = held[last].merged_into
        found[one] = last
    return found


async def _again(tx: Tx, office: Office, ids: Sequence[uuid.UUID], kept: Kept) -> None:
    for person in office.persons:
        give_up = getattr(person, "give_up", None)
        if give_up is not None:
            await give_up(tx, ids)
    await forget(tx, office.persons, ids, kept)


def _row(tx: Tx, listed: Listed) -> dict[str, Any]:
    customer, *also = listed.ids
    return {
        "customer_id": customer,
        "id": uuid.UUID(listed.record["id"]),
        "erased_at": listed.erased_at,
        "replayed_at": tx.now,
        "kept_until": min((day for day in listed.until.values() if day is not None), default=None),
        "also": also,
        "record": listed.record,
        "signature": listed.signature,
        "public_key": listed.public_key,
    }
