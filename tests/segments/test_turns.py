"""Who waits for whom when more is asked than can be answered at once."""

from contextlib import AsyncExitStack

from app.core.caller import SYSTEM
from app.segments.asking import Asking
from tests.segments.factories import customer, segment


async def test_questions_about_one_customer_pass_those_about_all(house, client, monkeypatch):
    settings = house.services.settings.segments
    monkeypatch.setattr(settings, "wait_seconds", 0.2)
    one, saved = await customer(client, display_name="One"), await segment(client, "active", "status = 'active'")
    where = f"/v1/segments/{saved['id']}"
    async with AsyncExitStack() as stack:
        for _ in range(settings.running):
            await stack.enter_async_context(Asking(house.services).turn(SYSTEM))
        for path in (f"{where}/count", f"{where}/members"):
            refused = await client.get(path)
            assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
            assert int(refused.headers["Retry-After"]) > 0
        assert (await client.post("/v1/segments/preview", json={"text": "age > 1"})).status_code == 503
        assert (await client.get(f"{where}/explain/{one}")).status_code == 200
        assert (await client.get(f"/v1/customers/{one}/segments")).status_code == 200
    assert (await client.get(f"{where}/count")).status_code == 200


async def test_those_about_one_customer_do_not_wait_for_ever_either(house, client, monkeypatch):
    settings = house.services.settings.segments
    monkeypatch.setattr(settings, "wait_seconds", 0.2)
    one = await customer(client, display_name="One")
    async with AsyncExitStack() as stack:
        for _ in range(settings.running):
            await stack.enter_async_context(Asking(house.services).turn(SYSTEM, about_one=True))
        assert (await client.get(f"/v1/customers/{one}/segments")).status_code == 503
        assert (await client.post("/v1/segments/preview", json={"text": "age > 1"})).status_code == 200
