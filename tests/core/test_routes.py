"""Every route declares one scope, or the service does not start; FastAPI's part of it is made when it is asked."""

import re
import uuid
from types import SimpleNamespace
from typing import Annotated, Any, cast

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from starlette.routing import Match, Route
from starlette.types import Receive, Send

from app import main
from app.core.caller import Caller
from app.core.http import GatedRoute, Incoming, Requires, requires
from app.core.switchboard import Switchboard


async def answer():
    return {}


async def scoped(caller: Annotated[Caller, requires("x:read")]):
    return {}


async def scoped_twice(caller: Annotated[Caller, requires("x:read")], other: Annotated[Caller, requires("x:write")]):
    return {}


async def otherwise_dependent(caller: Annotated[None, Depends(answer)]):
    return {}


def mounted(monkeypatch, function, route_class=GatedRoute, **options):
    router = APIRouter(route_class=route_class)
    router.add_api_route("/x", function, **options)
    monkeypatch.setattr(main, "_ROUTERS", (SimpleNamespace(router=router),))
    return main.api()


@pytest.mark.parametrize("function", [answer, scoped_twice, otherwise_dependent])
def test_a_route_that_does_not_declare_one_scope_is_refused_at_the_start(monkeypatch, function):
    with pytest.raises(RuntimeError, match=r"GET.* /x must declare exactly one scope"):
        mounted(monkeypatch, function)


def test_two_scopes_are_also_seen_where_one_is_the_routes(monkeypatch):
    with pytest.raises(RuntimeError, match="exactly one scope"):
        mounted(monkeypatch, scoped, dependencies=[requires("x:write")])


def test_a_route_past_the_gate_is_refused_at_the_start(monkeypatch):
    with pytest.raises(RuntimeError, match="exactly one scope"):
        mounted(monkeypatch, scoped, route_class=APIRouter().route_class)


@pytest.mark.parametrize(
    ("function", "options"), [(scoped, {}), (answer, {"dependencies": [requires("x:read")]})], ids=["own", "route's"]
)
def test_one_scope_is_enough(monkeypatch, function, options):
    assert mounted(monkeypatch, function, **options) is not None


def test_what_every_route_declares_is_what_fastapi_asks_for():
    routes = [route for route in main.api_routes(main.api()) if isinstance(route, GatedRoute)]
    assert len(routes) > 200
    for route in routes:
        asked = [one.call for one in route.made.dependant.dependencies if isinstance(one.call, Requires)]
        assert {id(one) for one in asked} == {id(one) for one in route.required()}, route.path


async def test_fastapis_part_is_made_with_the_first_request():
    app = FastAPI(openapi_url=None)
    router = APIRouter(route_class=GatedRoute)
    router.add_api_route("/x", answer)
    app.router.routes.extend(router.routes)
    route = router.routes[0]
    assert isinstance(route, GatedRoute)

    async def edge(scope, receive, send):
        scope["clientele"] = Incoming("r")
        await app(scope, receive, send)

    async with httpx.AsyncClient(transport=httpx.ASGITransport(edge), base_url="http://house") as client:
        assert (await client.get("/y")).status_code == 404
        assert "made" not in vars(route)
        assert (await client.get("/x")).json() == {}
        made = vars(route)["made"]
        wrong = await client.post("/x")
        assert (await client.get("/x")).status_code == 200
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")
    assert vars(route)["made"] is made


class Noted:
    """A route that only notes that it was chosen."""

    def __init__(self, route, chosen):
        self.route, self.chosen = route, chosen
        self.path, self.methods, self.matches = route.path, route.methods, route.matches

    async def handle(self, *_):
        self.chosen.append(self.route)


async def test_the_switchboard_finds_what_asking_all_routes_in_turn_finds():
    routes, chosen = main.api_routes(main.api()), list[Any]()

    async def router(*_):
        chosen.append(None)

    board = Switchboard(router, cast("list[Route]", [Noted(route, chosen) for route in routes]))
    paths = {re.sub(r"{[^}]*}", value, route.path) for route in routes for value in ("x", str(uuid.uuid4()))}
    paths |= {
        "/v1/customers/by-external/shop/a/b/c",
        "/v1/idempotency/a/b",
        "/v1/idempotency/" + "a/" * 20,
        "/",
        "//",
        "",
    }
    paths |= {f"{path}/more" for path in paths}
    for path in sorted(paths):
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
            scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "root_path": "", "headers": []}
            first = next((route for route in routes if route.matches(dict(scope))[0] is Match.FULL), None)
            await board(dict(scope), cast("Receive", None), cast("Send", None))
            found = chosen.pop()
            # The router finds what it passes on: parameters of very many parts.
            assert found is first or (found is None and first and ":path}" in first.path), (method, path)
    assert chosen == []
