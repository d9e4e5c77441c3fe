"""Customers and receipts through the API, for stories about segments."""

import itertools
from typing import Any

_numbers = itertools.count(1)


async def store(client: Any, code: str, city: str = "Guiyang") -> None:
    body = {"name": code, "kind": "own", "time_zone": "Asia/Shanghai", "city": city}
    answer = await client.put(f"/v1/stores/{code}", json=body)
    assert answer.status_code in {200, 201}, answer.text


async def customer(client: Any, **fields: Any) -> str:
    answer = await client.post("/v1/customers", json={"kind": "person", **fields})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def receipt(client: Any, customer_id: str, net: int, day: str, *, store: str = "GY-01", **more: Any) -> str:
    line = {
        "product": "P1",
        "quantity": "1",
        "net": net,
        **{name: more.pop(name) for name in ("category",) if name in more},
    }
    body = {
        "source": "till", "number": f"N{next(_numbers)}", "store": store, "kind": "sale",
        "occurred_at": f"{day}T12:00:00+08:00", "currency": "CNY", "customer": {"id": customer_id}, "lines": [line],
        "tenders": [{"kind": "cash", "amount": net}], **more,
    }  # fmt: skip
    answer = await client.post("/v1/receipts", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


async def segment(client: Any, name: str, text: str) -> dict[str, Any]:
    answer = await client.post("/v1/segments", json={"name": name, "text": text})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())
