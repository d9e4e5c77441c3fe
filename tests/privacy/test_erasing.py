"""Erasing one customer: what goes, what stays, what is told."""

from tests.api.world import STORE

PHONE = {"kind": "phone", "value": "138 0013 8000"}


async def someone(client, **more):
    answer = await client.post("/v1/customers", json={"display_name": "Zhang Wei", "identifiers": [PHONE], **more})
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


async def erased(client, customer, status=201):
    answer = await client.post("/v1/erasures", json={"customer_id": customer, "reason": "request"})
    assert answer.status_code == status, answer.text
    return answer.json()


async def test_a_customer_is_erased_and_the_record_says_so(client):
    customer = await someone(client)
    found = await erased(client, customer)
    assert found["customer_id"] == customer
    assert found["record"]["erased"]["identifiers"] == 1
    assert (await client.get(f"/v1/erasures/{found['id']}")).json() == found
    again = await erased(client, customer, 200)
    assert again == found


async def test_an_export_shows_everything(client):
    customer = await someone(client)
    await client.put("/v1/stores/S01", json=STORE)
    answer = await client.get(f"/v1/customers/{customer}/export")
    assert answer.status_code == 200, answer.text
    shown = answer.json()
    assert shown["sections"]["customers"][0]["display_name"] == "Zhang Wei"
    page = await client.get(f"/v1/customers/{customer}/export", headers={"Accept": "text/html"})
    assert page.status_code == 200 and "Zhang Wei" in page.text
