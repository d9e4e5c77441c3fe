"""What warnings say to people, in each of the languages."""

from datetime import date
from typing import Any, get_args

import pytest

from app.core.language import language_of
from app.core.settings import LANGUAGES
from app.early_warning.rules import SEVERITY, BehindState, CostlyState
from app.early_warning.sentences import WORDS, hold_reason, next_step, sentence

DAY = date(2026, 3, 20)
DEBT = {"balance": 1_050_00, "limit": 1_000_00, "currency": "CNY", "overdue": 300_00, "since": "2026-03-01"}
SILENCE = {"last_occasion": "2026-01-19", "silent_days": 58, "usual_days": 31, "horizon_days": 90, "chance": 0.004}
PLAN = {"period": "2026-Q1", "planned": 3_000_00, "actual": 2_000_00, "forecast": 2_500_00, "currency": "CNY"}
BUDGET = {"period": "2026-03", "planned": 1_000_00, "spent": 1_200_00, "forecast": 1_500_00, "currency": "CNY"}
SHARE = {"days": 90, "spent": 150_00, "net": 1_000_00, "usual_spent": 100_00, "usual_net": 1_000_00, "currency": "CNY"}
TREND = {"month": "2026-02", "months": [10_00, 11_00, 12_00], "currency": "CNY"}
EVIDENCE: dict[str, Any] = {
    **dict.fromkeys(("near_limit", "over_limit", "far_over_limit"), DEBT),
    **dict.fromkeys(("overdue", "overdue_31", "overdue_61", "overdue_91"), DEBT),
    **dict.fromkeys(("late", "at_risk", "lost"), SILENCE), **dict.fromkeys(("behind", "far_behind"), PLAN),
    **dict.fromkeys(("forecast_above_budget", "above_budget"), BUDGET), "share_climbing": SHARE,
    "costs_climbing": TREND,
}  # fmt: skip

SAID = {
    "en": {
        "over_limit": "Owes 1,050.00 CNY, 50.00 CNY above the limit.",
        "overdue": "300.00 CNY should have been paid by 2026-03-01, 19 days ago.",
        "late": "Usually back within 31 days, now 60.",
        "behind": "2026-Q1: 2,000.00 CNY of 3,000.00 CNY bought; at this rate 2,500.00 CNY, 17 % below the plan.",
        "above_budget": "2026-03: 1,200.00 CNY spent, 200.00 CNY above the budget of 1,000.00 CNY.",
        "share_climbing": "Cost 150.00 CNY in the last 90 days, 15 % of net sales; usual is 10 %.",
        "costs_climbing": "Costs climb month by month, last in 2026-02: 10.00 CNY, 11.00 CNY, 12.00 CNY.",
    },
    "zh": {
        "over_limit": "欠款 1,050.00 CNY，超出信用额度 50.00 CNY。",
        "overdue": "300.00 CNY 应于 2026 年 3 月 1 日前付清，已逾期 19 天。",
        "late": "通常 31 天内会再来，现已 60 天未购买。",
        "behind": (
            "2026 年第 1 季度：计划 3,000.00 CNY，已完成 2,000.00 CNY；"
            "按此进度预计 2,500.00 CNY，比计划少 17 %。"
        ),
        "above_budget": "2026 年 3 月：已支出 1,200.00 CNY，超出预算 1,000.00 CNY 达 200.00 CNY。",
        "costs_climbing": "费用逐月上升，截至 2026 年 2 月的三个月依次为 10.00 CNY、11.00 CNY、12.00 CNY。",
    },
    "ko": {
        "over_limit": "미수금 1,050.00 CNY, 한도 초과액 50.00 CNY.",
        "overdue": "2026년 3월 1일까지 결제해야 할 300.00 CNY 미결제, 19일 경과.",
        "late": "보통 31일 안에 다시 구매하지만, 현재 60일째 구매가 없습니다.",
        "behind": (
            "2026년 1분기: 계획 3,000.00 CNY 중 2,000.00 CNY 구매. "
            "현재 추세로는 2,500.00 CNY 예상, 계획보다 17 % 부족."
        ),
        "above_budget": "2026년 3월: 1,200.00 CNY 지출, 예산 1,000.00 CNY 대비 200.00 CNY 초과.",
    },
}  # fmt: skip


@pytest.mark.parametrize(("language", "state"), [(one, state) for one, some in SAID.items() for state in some])
def test_sentences(language, state):
    assert sentence(state, EVIDENCE[state], DAY, language) == SAID[language][state]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_language_has_words_for_every_state(language):
    words = WORDS[language]
    assert set(words.sentences) == set(words.steps) == set(SEVERITY)
    assert set(words.holds) == {*get_args(BehindState), *get_args(CostlyState)}
    for state in SEVERITY:
        said = sentence(state, EVIDENCE[state], DAY, language)
        assert "{" not in said + next_step(state, language)
        # Letters of Chinese or Korean are there if and only if they should be.
        foreign = any(ord(letter) > 0x2E80 for letter in said)
        assert foreign == (language != "en"), said
    assert "10 %" in sentence("share_climbing", {**SHARE, "net": 0}, DAY, language)
    assert hold_reason(None, "above_budget", language) == "above_budget"
    assert hold_reason("sales_expense", "above_budget", language) == words.holds["above_budget"]


@pytest.mark.parametrize(
    ("asked", "accepted", "expected"),
    [
        (None, None, "ko"), ("zh", "en", "zh"), (None, "en", "en"), (None, "zh-Hant-TW,en;q=0.5", "zh"),
        (None, "fr, en;q=0.2, zh;q=0.8", "zh"), (None, "fr", "ko"), (None, "*", "ko"), (None, "en;q=0, *;q=0.1", "ko"),
        (None, "ZH", "zh"), (None, "en;q=1.5.2, zh;q=x, ;;;, ,", "ko"), (None, "", "ko"), (None, "en;q=٣", "ko"),
    ],
)  # fmt: skip
def test_the_language_is_the_one_asked_for_or_accepted_or_the_companys(asked, accepted, expected):
    assert language_of(asked, accepted, "ko") == expected


async def test_routes_answer_in_the_language_of_the_caller(town, client, monkeypatch):
    dealer = await town.customer("Dealer", kind="business")
    await town.credit(dealer, 1_000)
    await town.sell(dealer, 1_050, on_account=True)
    chinese, korean = {"Accept-Language": "zh-CN,zh;q=0.9"}, {"Accept-Language": "ko"}
    listed = (await client.get("/v1/warnings", headers=chinese)).json()["data"][0]
    assert listed["sentence"] == "欠款 10.50 CNY，超出信用额度 0.50 CNY。"
    assert listed["next_step"] == WORDS["zh"].steps["over_limit"]
    asked = await client.get("/v1/warnings", params={"language": "ko"}, headers=chinese)
    assert asked.json()["data"][0]["sentence"].startswith("미수금")
    path = f"/v1/warnings/{listed['id']}"
    assert (await client.get(path, headers=korean)).json()["sentence"].startswith("미수금")
    assert (await client.get(path, params={"language": "fr"})).status_code == 422
    taken = await client.post(f"{path}/acknowledge", params={"language": "zh"})
    assert taken.json()["sentence"].startswith("欠款")
    standing = (await client.get(f"/v1/customers/{dealer}/standing", headers=korean)).json()
    assert standing["reasons"][0]["detail"].startswith("미수금")
    card = (await client.get(f"/v1/customers/{dealer}/card", headers=chinese)).json()
    assert card["warnings"][0]["sentence"] == listed["sentence"]
    monkeypatch.setattr(town.services.settings.company, "language", "ko")
    assert (await client.get(path)).json()["sentence"].startswith("미수금")
