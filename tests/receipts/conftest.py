"""Short ways to push receipts and to look at what is kept."""

import pytest
from sqlalchemy import text

from app.core.caller import SYSTEM


@pytest.fixture(autouse=True)
async def store(client):
    answer = await client.put("/v1/stores/S1", json={"name": "Store S1", "kind": "own", "time_zone": "Asia/Shanghai"})
    assert answer.status_code in {200, 201}, answer.text


@pytest.fixture
def push(client):
    """Push receipts; answers their documents."""

    async def run(*sent):
        found = []
        for one in sent:
            answer = await client.post("/v1/receipts", json=one)
            assert answer.status_code == 201, answer.text
            found.append(answer.json())
        return found

    return run


@pytest.fixture
def rows(house):
    """The rows of a query."""

    async def run(sql, **values):
        return [tuple(row) for row in await house.services.db.read(SYSTEM, lambda tx: tx.rows(text(sql), values))]

    return run


@pytest.fixture
def change(house):
    """Run a statement behind everybody's back."""

    async def run(sql, **values):
        await house.services.db.run(lambda tx: tx.execute(text(sql), values))

    return run
