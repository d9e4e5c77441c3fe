"""What stories about opportunities are told with."""

from collections.abc import Iterable
from typing import Any

from app.engagement.choices import Benefit, Sacrifice, words
from tests.early_warning.factories import Town


async def rule(town: Town, kind: str, **settings: Any) -> Any:
    """Set the rule of a kind."""
    return await town.call("PUT", f"/opportunity-rules/{kind}", settings)


async def listed(town: Town, **query: Any) -> list[dict[str, Any]]:
    """The list, or another one."""
    answer = await town.client.get("/v1/opportunities", params=query)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["data"])


async def judge(town: Town, *customers: str, kinds: Any = None) -> dict[str, int]:
    """Judge these customers now; what was done, as far as anything was."""
    body = {"customer_ids": list(customers), **({"kinds": list(kinds)} if kinds else {})}
    answer = await town.call("POST", "/opportunities/evaluations", body)
    assert answer["status"] == "done"
    return {name: answer[name] for name in ("opened", "changed", "expired") if answer[name]}


def brief(found: list[dict[str, Any]]) -> list[tuple[str, str, str | None]]:
    """(kind, status, outcome) of each."""
    return [(one["kind"], one["status"], one["outcome"]) for one in found]


async def customer_of(town: Town, name: str, **more: Any) -> str:
    """A customer with an account manager or a sponsor; its id."""
    parts = {part: more.pop(part) for part in ("account_manager", "sponsor") if part in more}
    customer = await town.customer(name, **more)
    if parts:
        answer = await town.client.put(f"/v1/customers/{customer}/assignment", json=parts, headers={"If-Match": '"1"'})
        assert answer.status_code == 200, answer.text
    return customer


async def graded(town: Town, customer: str, grade: str | None) -> None:
    """Give a customer a grade."""
    version = (await town.call("GET", f"/customers/{customer}"))["version"]
    answer = await town.client.put(
        f"/v1/customers/{customer}/grade", json={"grade": grade}, headers={"If-Match": f'"{version}"'}
    )
    assert answer.status_code == 200, answer.text


async def survey(
    town: Town,
    customer: str,
    benefits: Iterable[int] = (),
    sacrifices: Iterable[int] = (),
    dimensions: Iterable[tuple[int, int | None]] = (),
    **more: Any,
) -> Any:
    """A survey of now: scores of benefits, of sacrifices, and (perceived, expected) of dimensions, each in order."""

    def scored(name: str, choice: Any, scores: Iterable[int]) -> list[dict[str, Any]]:
        return [{name: word, "score": score} for word, score in zip(words(choice), scores, strict=False)]

    answers = {
        "benefits": scored("benefit", Benefit, benefits), "sacrifices": scored("sacrifice", Sacrifice, sacrifices),
        "dimensions": [
            {"dimension": f"d{place}", "perceived": perceived, "expected": expected}
            for place, (perceived, expected) in enumerate(dimensions)
        ],
    }  # fmt: skip
    body = {"survey": "autumn", "occurred_at": town.services.clock.now().isoformat(), **answers, **more}
    return await town.call("POST", f"/customers/{customer}/surveys", body)
