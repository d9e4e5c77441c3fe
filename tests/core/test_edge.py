"""The edge by itself, around a small application: bodies, lanes, deadlines, headers, unexpected errors."""

import asyncio
import dataclasses
import json

import httpx
import pytest

from app.core.caller import SYSTEM
from app.core.edge import Doors, Edge, HotRoute
from app.core.errors import RATE_LIMITED, UNAUTHENTICATED, Problem
from app.core.reply import Reply
from tests.client import Client

CALLER = dataclasses.replace(SYSTEM, scopes=frozenset({"x:read"}))


async def plain(scope, receive, send):
    """Answers what the gate made of the body, slowly or wrongly when the path says so."""
    if scope["path"] == "/slow":
        await asyncio.sleep(5)
    if scope["path"] == "/crash":
        raise RuntimeError("secret 13812345678")
    if scope["path"] == "/hold":
        await scope["hold"].wait()
    body = json.dumps({"json": scope["clientele"].json}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})


async def hot(request):
    return Reply(200, b'{"hot":true}', {"ETag": '"1"'})


async def authenticate(headers, query):
    if headers.get(b"authorization") != b"yes":
        raise Problem(UNAUTHENTICATED, headers={"WWW-Authenticate": "Bearer"})
    return CALLER


def build(house, *, limits=None, throttle=lambda _, lane: {"RateLimit": lane}, app=plain):
    settings = house.services.settings.model_copy(
        update={"limits": house.services.settings.limits.model_copy(update=limits or {})}
    )
    services = dataclasses.replace(house.services, settings=settings)
    routes = [HotRoute("GET", "/hot", "x:read", hot), HotRoute("GET", "/secret", "x:write", hot)]
    doors = Doors(
        public=frozenset({"/public"}),
        raw=frozenset({("POST", "/raw")}),
        streamed=frozenset({("POST", "/stream")}),
        bulk=frozenset({("POST", "/hold")}),
        hot={(route.method, route.path): route for route in routes},
    )
    edge = Edge(app, services, doors, authenticate, throttle)
    return Client(edge, {"authorization": "yes"})


async def test_every_answer_has_the_common_headers(house):
    async with build(house) as client:
        good = await client.post("/x", json={"a": 1})
        bad = await client.post("/x", content=b"{", headers={"content-type": "application/json"})
        given = await client.get("/hot", headers={"x-request-id": "till-3.12345678"})
        made_up = await client.get("/hot", headers={"x-request-id": "bad id {}"})
    assert good.json() == {"json": {"a": 1}}
    for answer in (good, bad, given):
        assert answer.headers["clientele-version"] == "1"
        assert answer.headers["ratelimit"] == "main"
        assert len(answer.headers["x-request-id"]) >= 8
    assert bad.headers["content-type"] == "application/problem+json"
    assert bad.json()["request_id"] == bad.headers["x-request-id"]
    assert given.headers["x-request-id"] == "till-3.12345678"
    assert "{" not in made_up.headers["x-request-id"]


async def test_no_key_no_answer_and_the_body_is_not_read(house):
    async with build(house) as client:
        answer = await client.post("/x", content=b"\xff", headers={"authorization": "no"})
        public = await client.get("/public", headers={"authorization": "no"})
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert public.status_code == 200


async def test_hot_routes_need_their_scope(house):
    async with build(house) as client:
        allowed, refused = await client.get("/hot"), await client.get("/secret")
    assert (allowed.json(), allowed.headers["etag"]) == ({"hot": True}, '"1"')
    assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"content-type": "text/plain"}, 415),
        ({}, 415),
        ({"content-type": "application/json", "content-encoding": "gzip"}, 415),
        ({"content-type": "application/json; charset=utf-8"}, 200),
        ({"content-type": "Application/Merge-Patch+JSON"}, 200),
    ],
)
async def test_media_types(house, headers, status):
    async with build(house) as client:
        assert (await client.post("/x", content=b"{}", headers=headers)).status_code == status


async def test_a_body_over_the_limit_is_refused_whether_declared_or_not(house):
    async def chunks():
        for _ in range(20):
            yield b" " * 100

    headers = {"content-type": "application/json"}
    async with build(house, limits={"body_bytes": 1000}) as client:
        declared = await client.post("/x", content=b" " * 1001, headers=headers)
        streamed = await client.post("/x", content=chunks(), headers=headers)
        lying = await client.post("/x", content=chunks(), headers={**headers, "content-length": "3"})
    assert [answer.status_code for answer in (declared, streamed, lying)] == [413, 413, 413]


async def test_a_body_that_does_not_arrive_in_time_is_408(house):
    async def dribble():
        yield b"{"
        await asyncio.sleep(3)
        yield b"}"

    async with build(house, limits={"body_seconds": 0.1}) as client:
        answer = await client.post("/x", content=dribble(), headers={"content-type": "application/json"})
    assert answer.status_code == 408


async def test_raw_and_streamed_doors_leave_the_body_alone(house):
    async with build(house) as client:
        raw = await client.post("/raw", content=b"{", headers={"content-type": "application/json"})
        stream = await client.post("/stream", content=b"a,b", headers={"content-type": "text/csv"})
    assert (raw.status_code, stream.status_code) == (200, 200)


async def test_the_deadline_answers_503(house):
    async with build(house, limits={"request_seconds": 0.05}) as client:
        answer = await client.get("/slow")
    assert (answer.status_code, answer.json()["code"]) == (503, "too_expensive")
    assert "retry-after" in answer.headers


async def test_an_unexpected_error_tells_nothing(house, caplog):
    async with build(house) as client:
        answer = await client.get("/crash")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "13812345678" not in answer.text


async def test_a_throttled_request_says_when_to_come_back(house):
    def refuse(caller, lane):
        raise Problem(RATE_LIMITED, headers={"Retry-After": "3"})

    async with build(house, throttle=refuse) as client:
        answer = await client.get("/hot")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "3")


async def test_the_bulk_lane_is_bounded_and_lookups_pass_it(house):
    hold = asyncio.Event()

    async def holding(scope, receive, send):
        await plain({**scope, "hold": hold}, receive, send)

    async with build(house, limits={"bulk_running": 1, "bulk_waiting": 2}, app=holding) as client:
        bulk = [asyncio.create_task(client.post("/hold")) for _ in range(4)]
        done, _ = await asyncio.wait(bulk, timeout=5, return_when=asyncio.FIRST_COMPLETED)
        refused = [task.result() for task in done]
        lookup = await asyncio.wait_for(client.get("/hot"), 1)
        hold.set()
        answers = [(await task).status_code for task in bulk]
    assert [(one.status_code, one.headers["retry-after"]) for one in refused] == [(503, "2")]
    assert lookup.status_code == 200
    assert sorted(answers) == [200, 200, 200, 503]


@pytest.mark.parametrize("target", ["/x?q=%00", "/x%ff", "/x?q=%", "/%0a"])
async def test_hidden_bytes_in_the_target_are_400(house, target):
    async with build(house) as client:
        request = client.build_request("GET", "/")
        request.url = httpx.URL("http://test").copy_with(raw_path=target.encode())
        assert (await client.send(request)).status_code == 400
