"""Pushing receipts over HTTP."""

from tests.till.factories import line, receipt


async def test_a_receipt_is_answered_as_it_was_sent(client):
    sent = receipt(line(gross=3200, discount=200, tax=345, cost=2400), card="01104905", till="3", seller="emp-12")
    answer = await client.post("/v1/receipts", json=sent)
    assert answer.status_code == 201, answer.text
    print(answer.json())
    again = await client.post("/v1/receipts", json=sent)
    assert again.status_code == 200, again.text
    assert again.json() == answer.json()
    found = await client.get(f"/v1/customers/{answer.json()['customer_id']}")
    print(found.json()["figures"])
    listed = await client.get(f"/v1/customers/{answer.json()['customer_id']}/receipts")
    assert listed.json()["data"] == [answer.json()], listed.text
    batch = await client.post(
        "/v1/receipts/batch", json={"items": [sent, receipt(), receipt(card="01104905"), receipt(store="S9")]}
    )
    print(batch.json())
    void = await client.post(f"/v1/receipts/{answer.json()['id']}/void", json={})
    print(void.text)
    walk = batch.json()["results"][1]["id"]
    moved = await client.post(
        f"/v1/receipts/{walk}/attribution", json={"customer": {"id": answer.json()["customer_id"]}}
    )
    print(moved.text)
    found = await client.get(f"/v1/customers/{answer.json()['customer_id']}")
    print(found.json()["figures"])
