"""Routes of access: API keys and the audit trail."""

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Path, Query, Response

from app.access import commands, queries
from app.access.keyring import Keyring
from app.access.schemas import (
    ApiKeyAnswer,
    AuditEntryAnswer,
    AuditQuery,
    KeyQuery,
    MadeApiKeyAnswer,
    NewApiKey,
    Rotation,
)
from app.core.caller import Caller
from app.core.db import Made, Tx, serialise
from app.core.errors import BAD_REQUEST, Problem, etag
from app.core.http import GatedRoute, ServicesOf, WriteOf, json_response, requires, respond
from app.core.pages import Page, page_bytes, page_of, paged

router = APIRouter(prefix="/v1", tags=["access"], route_class=GatedRoute)

KeysAdmin = Annotated[Caller, requires("keys:admin")]
KeyId = Annotated[uuid.UUID, Path(description="The id of the key, not its public part.")]
_KEYS = "api_keys"


async def _secret_is_never_stored(
    idempotency_key: Annotated[str | None, Header(include_in_schema=False)] = None,
) -> None:
    """An Idempotency-Key would store the answer, and with it the key, for seven days."""
    if idempotency_key is not None:
        raise Problem(
            BAD_REQUEST,
            "This answer holds a secret and is not stored, so Idempotency-Key cannot be used here. Send your own id in"
            " the body instead: repeating the request then answers 409 and makes no second key.",
        )


@router.post(
    "/api-keys", status_code=201, response_model=MadeApiKeyAnswer, dependencies=[Depends(_secret_is_never_stored)]
)
async def create_api_key(caller: KeysAdmin, services: ServicesOf, body: NewApiKey) -> Response:
    """Make a key for a new client.

    The answer shows the key this once. Idempotency-Key is refused here; send your own `id` to make repeating harmless.
    """
    terms = commands.Terms(
        body.scopes, body.field_groups, body.rate_class, body.expires_at, body.staff, body.reach, body.masked
    )
    keyring = Keyring(services.settings.secret)

    async def work(tx: Tx) -> Made:
        return _made(
            *await commands.create_key(
                tx, keyring, body.name, body.role, store=body.store, partner=body.partner, terms=terms, key_id=body.id
            )
        )

    return respond(await services.db.write(caller, work))


@router.get("/api-keys", response_model=Page[ApiKeyAnswer])
async def list_api_keys(caller: KeysAdmin, services: ServicesOf, query: Annotated[KeyQuery, Query()]) -> Response:
    """List keys, revoked ones too, without their secrets."""
    name = f"{_KEYS}:{query.client_id or ''}"
    after = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None
    rows, total = await paged(
        services.db, caller, query, after,
        lambda tx, after, limit: queries.page_of_keys(tx, query.client_id, after=after, limit=limit),
    )  # fmt: skip
    shown = rows[: query.limit]
    following = services.cursors.write(name, [str(shown[-1]["id"])]) if len(rows) > query.limit else None
    return respond(serialise(page_of(shown, following, total)))


@router.get("/api-keys/{key_id}", response_model=ApiKeyAnswer)
async def get_api_key(caller: KeysAdmin, services: ServicesOf, key_id: KeyId, response: Response) -> dict[str, object]:
    """Read one key, without its secret."""
    found = await services.db.read(caller, lambda tx: queries.one_key(tx, key_id))
    response.headers.update(etag(found["version"]))
    return found


@router.post(
    "/api-keys/{key_id}/rotate",
    status_code=201,
    response_model=MadeApiKeyAnswer,
    dependencies=[Depends(_secret_is_never_stored)],
)
async def rotate_api_key(
    caller: KeysAdmin, services: ServicesOf, key_id: KeyId, body: Rotation | None = None
) -> Response:
    """Make a second key for the same client; both work until the old one is revoked or its grace time ends.

    The answer shows the new key this once. A client has at most two live keys. Idempotency-Key is refused here; send
    your own `id` to make repeating harmless.
    """
    wish, keyring = body or Rotation(), Keyring(services.settings.secret)

    async def work(tx: Tx) -> Made:
        return _made(
            *await commands.rotate_key(
                tx, keyring, key_id, grace_seconds=wish.grace_seconds, expires_at=wish.expires_at, made_id=wish.id
            )
        )

    return respond(await services.db.write(caller, work))


@router.post("/api-keys/{key_id}/revoke", response_model=ApiKeyAnswer)
async def revoke_api_key(caller: KeysAdmin, write: WriteOf, key_id: KeyId) -> Response:
    """End a key for ever, within five seconds in every process. Revoking it again changes nothing."""
    del caller

    async def work(tx: Tx) -> Made:
        found = await commands.revoke_key(tx, key_id)
        return Made(found, headers=etag(found["version"]))

    return await write(work)


@router.get("/audit", response_model=Page[AuditEntryAnswer])
async def list_audit_entries(
    caller: Annotated[Caller, requires("audit:read")], services: ServicesOf, query: Annotated[AuditQuery, Query()]
) -> Response:
    """List who did what to which record, newest first. Reads by staff appear within a second."""
    wanted = queries.AuditFilter(**query.wanted())
    name = f"audit:{wanted}"
    before = uuid.UUID(services.cursors.read(name, query.cursor)[0]) if query.cursor is not None else None
    rows, total = await paged(
        services.db, caller, query, before,
        lambda tx, before, limit: queries.page_of_audit(tx, wanted, before=before, limit=limit),
    )  # fmt: skip
    shown = rows[: query.limit]
    following = services.cursors.write(name, [str(shown[-1][0])]) if len(rows) > query.limit else None
    return json_response(page_bytes([document for _, document in shown], following, total))


def _made(document: dict[str, object], key: str) -> Made:
    headers = {"Location": f"/v1/api-keys/{document['id']}", "Cache-Control": "no-store", "ETag": '"1"'}
    return Made({**document, "key": key}, 201, headers)
