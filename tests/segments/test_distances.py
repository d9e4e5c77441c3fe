"""What an explanation says of each kind of condition: the value, the evidence, and how far it is from being true."""

from datetime import UTC, datetime

import pytest

from tests.segments.factories import customer, receipt, segment, store


@pytest.fixture
async def told(house, client):
    """Explains any question for one customer, who has bought three times."""
    house.services.clock.set(datetime(2026, 11, 21, 4, tzinfo=UTC))
    for code in ("GY-01", "WEB"):
        await store(client, code)
    one = await customer(client, birthday={"month": 2, "day": 29, "year": 1988}, language="zh", home_store="GY-01")
    rich = await customer(client, display_name="Rich")
    await receipt(client, rich, 99_900, "2026-11-01")
    bought = [await receipt(client, one, net, day, store=at) for net, day, at in (
        (10_000, "2026-09-01", "WEB"), (5_000, "2026-10-01", "GY-01"), (7_000, "2026-11-20", "WEB"),
    )]  # fmt: skip
    numbers = iter(range(100))

    async def ask(text):
        saved = await segment(client, f"s{next(numbers)}", text)
        answer = await client.get(f"/v1/segments/{saved['id']}/explain/{one}")
        assert answer.status_code == 200, answer.text
        return answer.json()["explanation"]

    return ask, bought


async def test_every_kind_of_condition_says_how_far_it_is(told):
    ask, _ = told
    for text, value, distance in (
        ("figures.net > 300.00", {"money": 22_000}, "80.00 short"),
        ("figures.net < 200.00", {"money": 22_000}, "20.00 over"),
        ("figures.net > 220.00", {"money": 22_000}, "just at the limit"),
        ("figures.receipts = 5", {"number": "3"}, "2 short"),
        ("figures.receipts != 3", {"number": "3"}, None),
        ("age between 40 and 50", {"number": "38"}, "2 short"),
        ("age between 20 and 30", {"number": "38"}, "8 over"),
        ("figures.last_occasion during next 7 days", {"date": "2026-11-20"}, "1 day too early"),
        ("figures.first_occasion before 2026-08-01", {"date": "2026-09-01"}, "32 days too late"),
        ("birthday anniversary during next 14 days", {"text": "02-29"}, "the next is on 2027-02-28"),
        ("created anniversary during next 14 days", {"date": "2026-11-21"}, "the next is on 2026-11-21"),
        ("gender = 'male'", None, "the value is missing"),
        ("language = 'en'", {"text": "zh"}, None),
        ("consent('marketing', 'sms') = 'granted'", None, "there is no decision"),
        ("any(receipts where net > 500.00)", {"number": "0"}, "none of 3 is"),
        ("any(complaints)", {"number": "0"}, "there is none"),
        ("none(receipts where store = 'WEB')", {"number": "2"}, "2 found"),
        ("net_365d in top 1 customers", {"money": 22_000}, "779.00 short"),
        ("net_365d in top 1 customers of (display_name = 'Rich')", {"money": 22_000}, "not among those compared"),
        ("sequence(receipts where store = 'WEB' then receipts where store = 'GY-01' within 7 days)",
         {"number": "0"}, "up to step 1 it is there 2 times; step 2 does not follow"),
        ("sequence(receipts where store = 'GY-01' then not receipts within 3 months)",
         {"number": "0"}, "up to step 1 it is there once; step 2 comes all the same"),
        ("sequence(complaints then receipts within 7 days)", {"number": "0"}, "there is none"),
        ("ratio(sum(receipts.net where store = 'GY-01'), figures.net) > 0.5", {"number": "0.227273"}, "0.272727 short"),
        ("location within 5 km of (26.6, 106.6)", None, "the value is missing"),
    ):  # fmt: skip
        found = await ask(text)
        assert found["truth"] is False, text
        assert (found["value"], found.get("distance")) == (value, distance), text


async def test_a_sample_says_where_the_customer_stands(told):
    ask, _ = told
    nearly_none = await ask("sample 0.000001% seed 'a'")
    stands = float(nearly_none["value"]["number"])
    assert 0 < stands < 100
    assert nearly_none["distance"].endswith(" over")
    for percent, inside in ((stands * 0.99, False), (stands * 1.01, True)):
        assert (await ask(f"sample {min(percent, 100):.6f}% seed 'a'"))["truth"] is inside


async def test_a_share_and_a_sequence_have_their_receipts(told):
    ask, bought = told
    share = await ask("ratio(sum(receipts.net where store = 'WEB'), figures.net) > 0.5")
    assert (share["truth"], share["evidence"]) == (True, [bought[2], bought[0]])
    follows = await ask("sequence(receipts where store = 'WEB' then receipts where store = 'GY-01' within 2 months)")
    assert (follows["truth"], follows["evidence"]) == (True, [bought[0]])


async def test_a_segment_inside_is_explained_too(told):
    ask, _ = told
    await ask("figures.net > 300.00 and age > 20")
    found = await ask("not in segment 's0' and language = 'zh'")
    inside = found["items"][0]["items"][0]
    assert (inside["text"], inside["truth"]) == ("in segment 's0'", False)
    assert [one["truth"] for one in inside["items"][0]["items"]] == [False, True]
    assert inside["items"][0]["items"][0]["distance"] == "80.00 short"
