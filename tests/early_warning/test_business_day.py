"""When a day begins for the rules: where it does for segments."""

from datetime import timedelta

from tests.early_warning.factories import noon


async def test_the_rules_and_segments_agree_on_the_day_until_the_company_closes(town, client, monkeypatch):
    company = town.services.settings.company
    monkeypatch.setattr(company, "closing_minutes", 240)
    customer = await town.customer("Dealer")
    await town.credit(customer, 10_000, term_days=0)
    await town.sell(customer, 500, on_account=True)
    sold_on = town.day

    async def seen():
        preview = await client.post("/v1/segments/preview", json={"text": "credit.overdue > 0"})
        account = await town.call("GET", f"/customers/{customer}/credit")
        return preview.json()["as_of"], preview.json()["count"], account["overdue"], await town.evaluate(customer)

    # At one in the morning the evening before is not over.
    town.services.clock.set(noon(sold_on) + timedelta(hours=13))
    assert company.today(town.services.clock.now()) == sold_on
    assert await seen() == (sold_on.isoformat(), 0, 0, {})
    town.services.clock.set(noon(sold_on) + timedelta(hours=16))
    next_day = sold_on + timedelta(days=1)
    assert company.today(town.services.clock.now()) == next_day
    assert await seen() == (next_day.isoformat(), 1, 500, {"opened": 1})
