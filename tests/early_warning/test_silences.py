"""What the rule of loss warnings makes of unusual silences and models."""

from datetime import timedelta

from app.value.commands import keep_fits
from app.value.fitting import Fit
from app.value.rhythm import Rhythm
from tests.early_warning.factories import noon


async def test_a_rhythm_without_end_is_no_number_too_large(town):
    # Rates that vary this much are what a shop of many one-time buyers has: the gaps of these have no end.
    found = Fit(Rhythm(0.02, 1.0, 0.5, 2.0), -1.0, 1000)
    await town.services.db.run(lambda tx: keep_fits(tx, town.day, {"person": (found, {})}))
    customer = await town.customer("Twice")
    await town.sell(customer)
    town.pass_days(7)
    second = await town.sell(customer)
    town.pass_days(60)
    assert await town.evaluate(customer) == {"opened": 1}
    await town.call("POST", f"/receipts/{second['id']}/void")
    await town.evaluate(customer)
    assert await town.warnings(kind="loss") == []
    (ended,) = await town.warnings(kind="loss", status="resolved")
    assert ended["resolution"]["evidence"]["usual_days"] == 36_500


async def test_a_slow_rhythm_is_warned_of_however_long_its_silence_must_be(town):
    customer = await town.customer("Once a year")
    for _ in range(6):
        await town.sell(customer)
        town.pass_days(365)
    told = []
    for _ in range(30):
        if await town.evaluate(customer):
            told.append((town.day, (await town.warnings(kind="loss"))[0]["state"]))
        town.pass_days(30)
    assert told
    assert told[0][1] == "late"


async def test_a_resolved_silence_tells_of_its_last_day_in_the_company(town):
    customer = await town.customer("Regular")
    for _ in range(8):
        await town.sell(customer)
        town.pass_days(7)
    town.pass_days(20)
    await town.evaluate(customer)
    # Early in the morning of the store's day it is still the day before in UTC.
    town.services.clock.set(noon(town.day) + timedelta(days=10, hours=-6))
    (late,) = await town.warnings(kind="loss")
    assert "now 37" in late["sentence"]
    resolved = await town.call("POST", f"/warnings/{late['id']}/resolve", {"outcome": "other"})
    assert resolved["sentence"] == late["sentence"]
