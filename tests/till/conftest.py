"""Stores that receipts come from."""

import pytest

STORES = {"S1": "Asia/Shanghai", "S2": "Asia/Shanghai", "NY": "America/New_York"}


@pytest.fixture(autouse=True)
async def stores(client):
    for code, zone in STORES.items():
        store = {
            "name": f"Store {code}",
            "kind": "own",
            "time_zone": zone,
            "phone_region": "US" if code == "NY" else "CN",
        }
        answer = await client.put(f"/v1/stores/{code}", json=store)
        assert answer.status_code in {200, 201}, answer.text
