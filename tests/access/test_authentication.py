"""Who is let in, what a request costs, and how fast a revocation is seen."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import timedelta

import pytest
from sqlalchemy import delete, select, text

from app.access import commands
from app.access.authentication import LIFE_SECONDS, Authenticator, is_live
from app.access.keyring import Keyring
from app.access.models import ApiKey
from app.core.errors import BAD_REQUEST, UNAUTHENTICATED, Problem
from tests.access.callers import bearer, until


@pytest.fixture
def reads(monkeypatch) -> list[bytes]:
    """The prefixes that authenticators have asked the database for, within requests."""
    found: list[bytes] = []
    read = Authenticator._read

    async def counting(self, prefix):
        found.append(prefix)
        return await read(self, prefix)

    monkeypatch.setattr(Authenticator, "_read", counting)
    return found


@pytest.fixture
def often(monkeypatch) -> None:
    """The task reads keys again twenty times a second: to be asked for before the task begins."""
    monkeypatch.setattr("app.access.authentication.REFRESH_SECONDS", 0.05)


async def refused(authenticator: Authenticator, headers: dict[bytes, bytes], query: bytes = b"") -> Problem:
    with pytest.raises(Problem) as problem:
        await authenticator.authenticate(headers, query)
    return problem.value


async def lets_in(authenticator: Authenticator, key: str) -> bool:
    try:
        await authenticator.authenticate(bearer(key), b"")
    except Problem as problem:
        if problem.type is not UNAUTHENTICATED:
            raise
        return False
    return True


async def until_refused(authenticator: Authenticator, key: str, seconds: float) -> float:
    """How long until the key is refused; fails after `seconds`."""
    started = time.monotonic()
    while await lets_in(authenticator, key):
        assert time.monotonic() - started < seconds, f"still let in after {seconds} s"
        await asyncio.sleep(0.01)
    return time.monotonic() - started


async def test_the_caller_is_what_the_key_says(unwatched, make_key):
    made, key = await make_key("pos", "Store S01", store="S01")
    caller = await unwatched.authenticate(bearer(key), b"limit=5")
    assert (caller.client_id, caller.key_id) == (made["client_id"], made["id"])
    assert (caller.name, caller.role, caller.store, caller.partner) == ("Store S01", "pos", "S01", None)
    assert caller.rate_class == "large"
    assert caller.may("receipts:write")
    assert not caller.may("keys:admin")
    assert caller.field_groups == {"basic", "contact", "personal", "financial"}


async def test_a_key_may_have_less_than_its_role(unwatched, make_key):
    terms = commands.Terms(scopes=["catalog:read"], field_groups=[], rate_class="bulk")
    _, key = await make_key("pos", terms=terms)
    caller = await unwatched.authenticate(bearer(key), b"")
    assert (caller.scopes, caller.field_groups, caller.rate_class) == ({"catalog:read"}, set(), "bulk")


async def test_a_partners_key_is_bound_to_its_partner(unwatched, make_key):
    _, named = await make_key("partner", "acme")
    _, other = await make_key("partner", "key 2 of acme", partner="acme")
    assert {(await unwatched.authenticate(bearer(key), b"")).partner for key in (named, other)} == {"acme"}


async def test_a_cached_key_costs_no_query(unwatched, make_key, reads, moving):
    _, key = await make_key()
    for _ in range(100):
        await unwatched.authenticate(bearer(key), b"")
    assert len(reads) == 1
    moving.now += LIFE_SECONDS - 0.01
    await unwatched.authenticate(bearer(key), b"")
    assert len(reads) == 1
    moving.now += 0.02
    await unwatched.authenticate(bearer(key), b"")
    assert len(reads) == 2


async def test_a_hundred_first_requests_ask_once(unwatched, make_key, reads):
    _, key = await make_key()
    callers = await asyncio.gather(*(unwatched.authenticate(bearer(key), b"") for _ in range(100)))
    assert len({caller.key_id for caller in callers}) == 1
    assert len(reads) == 1


async def test_a_caller_that_goes_away_does_not_take_the_others_along(unwatched, make_key):
    _, key = await make_key()
    first = asyncio.create_task(unwatched.authenticate(bearer(key), b""))
    second = asyncio.create_task(unwatched.authenticate(bearer(key), b""))
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).role == "analyst"
    with pytest.raises(asyncio.CancelledError):
        await first


async def test_guessing_asks_the_database_nothing(unwatched, make_key, reads):
    made, key = await make_key()
    elsewhere = Keyring("another deployment")
    guesses = [elsewhere.make().text for _ in range(50)]
    guesses += [f"clk_{made['prefix']}_{'a' * 40}", key[:-1] + ("a" if key[-1] != "a" else "b")]
    for guess in guesses:
        assert not await lets_in(unwatched, guess)
    assert reads == []


async def test_a_key_that_is_gone_is_asked_for_once_in_its_life_span(unwatched, keyring, reads, moving):
    gone = keyring.make().text
    for _ in range(20):
        assert not await lets_in(unwatched, gone)
    assert len(reads) == 1
    moving.now += LIFE_SECONDS + 0.01
    assert not await lets_in(unwatched, gone)
    assert len(reads) == 2


async def test_what_is_remembered_of_gone_keys_is_bounded(unwatched, keyring, monkeypatch):
    monkeypatch.setattr("app.access.authentication.ABSENT_MAX", 10)
    for _ in range(30):
        assert not await lets_in(unwatched, keyring.make().text)
    assert len(unwatched._absent) == 10


async def test_all_refusals_are_one_answer(house, unwatched, make_key, keyring):
    made, key = await make_key()
    revoked_row, revoked = await make_key()
    _, expired = await make_key(terms=commands.Terms(expires_at=house.services.clock.now() + timedelta(seconds=60)))
    await house.services.db.run(lambda tx: commands.revoke_key(tx, revoked_row["id"]))
    house.services.clock.advance(timedelta(seconds=60))
    wrong_secret = f"clk_{made['prefix']}_{keyring.make().text[-40:]}"
    cases = {
        "none": {},
        "empty": bearer(""),
        "basic": {b"authorization": b"Basic " + key.encode()},
        "malformed": bearer("clk_short"),
        "bytes": bearer(b"clk_\xff\xfe\x00"),
        "long": bearer("a" * 100_000),
        "unknown": bearer(keyring.make().text),
        "wrong secret": bearer(wrong_secret),
        "revoked": bearer(revoked),
        "expired": bearer(expired),
    }
    problems = {name: await refused(unwatched, headers) for name, headers in cases.items()}
    assert {problem.type for problem in problems.values()} == {UNAUTHENTICATED}
    assert len({problem.body("same") for problem in problems.values()}) == 1
    assert all(problem.headers == {"WWW-Authenticate": "Bearer"} for problem in problems.values())
    assert await lets_in(unwatched, key)


async def test_a_wrong_secret_is_refused_when_the_right_one_is_cached(unwatched, make_key):
    made, key = await make_key()
    assert await lets_in(unwatched, key)
    assert not await lets_in(unwatched, f"clk_{made['prefix']}_{'a' * 40}")
    assert await lets_in(unwatched, key)


async def test_a_key_in_the_url_is_refused_and_not_repeated(house, make_key, caplog):
    _, key = await make_key()
    caplog.set_level(logging.DEBUG)
    async with house.client("admin") as client:
        answer = await client.get("/v1/audit", params={"api_key": key})
    assert answer.status_code == 400
    assert answer.json()["code"] == BAD_REQUEST.code
    assert "header" in answer.json()["detail"]
    secret = key.split("_")[2]
    assert secret not in answer.text
    # The test's own client writes its URLs to the log; the application must not.
    ours = [record for record in caplog.records if not record.name.startswith(("httpx", "httpcore"))]
    assert not [record for record in ours if secret in record.getMessage()]


@pytest.mark.parametrize("authorization", ["", "Bearer", "Bearer clk_x", "Basic YTpi", "Bearer " + "a" * 5000])
async def test_over_http_a_refusal_is_a_problem(house, authorization):
    async with house.client(None, Authorization=authorization) as client:
        answer = await client.get("/v1/audit")
    assert answer.status_code == 401
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "unauthenticated"


async def test_an_expired_key_is_refused_at_its_moment_even_when_cached(house, unwatched, make_key):
    clock = house.services.clock
    clock.set(clock.now())
    _, key = await make_key(terms=commands.Terms(expires_at=clock.now() + timedelta(minutes=1)))
    assert await lets_in(unwatched, key)
    clock.advance(timedelta(seconds=59.999))
    assert await lets_in(unwatched, key)
    clock.advance(timedelta(seconds=0.001))
    assert not await lets_in(unwatched, key)


async def test_a_revocation_reaches_another_process_at_once(house, watching, make_key):
    made, key = await make_key()
    assert await lets_in(watching, key)
    await asyncio.sleep(0.2)
    await house.services.db.run(lambda tx: commands.revoke_key(tx, made["id"]))
    assert await until_refused(watching, key, LIFE_SECONDS) < 1


async def test_a_revocation_is_seen_within_five_seconds_without_any_notification(house, unwatched, make_key, moving):
    made, key = await make_key()
    assert await lets_in(unwatched, key)
    await house.services.db.run(lambda tx: commands.revoke_key(tx, made["id"]))
    moving.now += LIFE_SECONDS - 0.01
    assert await lets_in(unwatched, key), "this authenticator was meant not to listen"
    moving.now += 0.02
    assert not await lets_in(unwatched, key)


async def test_a_rolled_back_revocation_revokes_nothing(house, watching, make_key):
    made, key = await make_key()
    assert await lets_in(watching, key)

    async def fail(tx):
        await commands.revoke_key(tx, made["id"])
        raise Problem(BAD_REQUEST)

    with pytest.raises(Problem):
        await house.services.db.run(fail)
    await asyncio.sleep(0.2)
    assert await lets_in(watching, key)


async def test_the_task_reads_keys_again_so_that_requests_need_not(often, watching, make_key, reads):
    _, key = await make_key()
    assert await lets_in(watching, key)
    known = watching._known[key.split("_")[1].encode()]
    first = known.read_at
    await asyncio.sleep(0.3)
    assert known.read_at > first + 0.1
    assert len(reads) == 1


async def test_keys_that_are_not_used_are_forgotten(often, watching, make_key, monkeypatch):
    _, key = await make_key()
    assert await lets_in(watching, key)
    monkeypatch.setattr("app.access.authentication.IDLE_SECONDS", 0.0)
    await until(lambda: not watching._known, 5)


async def test_a_row_that_is_deleted_ends_the_key(house, watching, make_key):
    made, key = await make_key()
    assert await lets_in(watching, key)
    await house.services.db.run(lambda tx: tx.execute(delete(ApiKey).where(ApiKey.id == made["id"])))
    assert await until_refused(watching, key, LIFE_SECONDS) < LIFE_SECONDS


async def test_the_watcher_comes_back_after_its_connection_was_killed(house, watching, make_key):
    made, key = await make_key()
    assert await lets_in(watching, key)
    await asyncio.sleep(0.2)
    kill = text(
        "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND (query LIKE 'LISTEN%' OR query LIKE '%api_keys.prefix = ANY%')"
    )
    assert await house.services.db.run(lambda tx: tx.scalar(kill)) >= 1
    killed = watching._monotonic()
    # No request asks, so only the task can have read the key again.
    await until(lambda: watching._known[key.split("_")[1].encode()].read_at > killed, LIFE_SECONDS)
    assert await lets_in(watching, key)
    await house.services.db.run(lambda tx: commands.revoke_key(tx, made["id"]))
    assert await until_refused(watching, key, LIFE_SECONDS) < 1


async def test_when_a_key_was_used_is_written_later_and_once(house, unwatched, make_key, moving):
    made, key = await make_key()

    async def last_used():
        return await house.services.db.run(
            lambda tx: tx.scalar(select(ApiKey.last_used_at).where(ApiKey.id == made["id"]))
        )

    clock = house.services.clock
    clock.set(clock.now())
    moving.now += 1
    await unwatched.authenticate(bearer(key), b"")
    assert await last_used() is None, "never in the request"
    moving.now += 3
    await unwatched._write_uses()
    assert await last_used() == clock.now() - timedelta(seconds=3)
    clock.advance(timedelta(hours=1))
    await unwatched._write_uses()
    assert await last_used() < clock.now() - timedelta(minutes=59), "nothing new to write"


async def test_a_refused_key_is_not_used(house, unwatched, make_key, moving):
    made, _ = await make_key()
    moving.now += 1
    assert not await lets_in(unwatched, f"clk_{made['prefix']}_{'a' * 40}")
    await unwatched._write_uses()
    used = await house.services.db.run(lambda tx: tx.scalar(select(ApiKey.last_used_at).where(ApiKey.id == made["id"])))
    assert used is None


async def test_closing_writes_the_last_uses(house, make_key):
    authenticator = Authenticator(house.services.db, house.services.settings)
    await authenticator.start()
    made, key = await make_key()
    await authenticator.authenticate(bearer(key), b"")
    await authenticator.close()
    used = await house.services.db.run(lambda tx: tx.scalar(select(ApiKey.last_used_at).where(ApiKey.id == made["id"])))
    assert used is not None
    assert not authenticator._tasks


async def test_uses_skip_a_row_that_somebody_holds(house, make_key):
    (held, _), (free, _) = await make_key(), await make_key()
    now = house.services.clock.now()

    async def hold(tx):
        await tx.execute(select(ApiKey.id).where(ApiKey.id == held["id"]).with_for_update())
        uses = {row["id"]: now for row in (held, free)}
        async with asyncio.timeout(1):
            await house.services.db.run(lambda other: commands.note_uses(other, uses))
        return await tx.rows(select(ApiKey.id).where(ApiKey.last_used_at.is_not(None)))

    found = {row.id for row in await house.services.db.run(hold)}
    assert free["id"] in found
    assert held["id"] not in found


async def test_is_live_tells_whether_a_key_would_be_let_in(house, make_key):
    made, key = await make_key()
    db, settings = house.services.db, house.services.settings
    assert await is_live(db, settings, key)
    assert not await is_live(db, settings, key[:-1])
    assert not await is_live(db, settings, "")
    await db.run(lambda tx: commands.revoke_key(tx, made["id"]))
    assert not await is_live(db, settings, key)
