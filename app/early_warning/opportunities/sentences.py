"""What an opportunity says to people, and what it suggests, in the languages of `WORDS`. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from app.core.settings import Language
from app.early_warning import sentences as warnings
from app.early_warning.opportunities.rules import Kind

# What is suggested.
Action = Literal[
    "thank_and_offer", "congratulate", "thank_for_loyalty", "offer_again", "get_in_touch", "welcome", "keep_promise",
    "review_grade", "ask_what_is_missing",
]  # fmt: skip
ACTION: dict[Kind, Action] = {
    "cumulative_spend": "thank_and_offer", "birthday": "congratulate", "anniversary": "thank_for_loyalty",
    "due_to_rebuy": "offer_again", "key_customer_silent": "get_in_touch", "contact_due": "get_in_touch",
    "welcome": "welcome", "promise_due": "keep_promise",
    "grade_about_to_change": "review_grade", "no_value_perceived": "ask_what_is_missing",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Words:
    """One language: a sentence per kind (and for `VARIANTS` of some), actions, channels, and how to reach."""

    sentences: Mapping[str, str]
    actions: Mapping[Action, str]
    channels: Mapping[str, str]
    by: str
    in_person: str


WORDS: dict[Language, Words] = {
    "en": Words(
        sentences={
            "cumulative_spend": "Has bought for {amount} or more in all, since {reached_on}.",
            "birthday": "Has a birthday on {day}.",
            "birthday_of_contact": "A key person has a birthday on {day}.",
            "anniversary": "Has been buying for {years} years on {day}.",
            "due_to_rebuy": "Bought {product} last on {last_on}: due again about {due_on}.",
            "key_customer_silent": "A key customer of whom nothing was heard since {heard_on}.",
            "contact_due": "A contact is due since {due_on}: every {wanted_days} days is what we want.",
            "welcome": "Bought for the first time on {first_on}.",
            "promise_due": "A promise of ours is due on {due_on}.",
            "grade_about_to_change": "Lacks {difference} to grade {next_grade}: {net_365d} of {boundary} in 365 days.",
            "grade_reached": "Bought for {net_365d} in 365 days: enough for grade {next_grade}, from {boundary} on.",
            "grade_not_covered": "Grade {grade} asks for {boundary} in 365 days: {difference} more than {net_365d}.",
            "no_value_perceived": "Survey of {day}: gets no more than it costs, {benefits} against {sacrifices} of 5.",
            "less_than_expected": "Survey of {day}: all was below what was expected, above all {worst_dimension}.",
        },
        actions={
            "thank_and_offer": "Thank the customer, and make an offer that goes with it.",
            "congratulate": "Send congratulations.",
            "thank_for_loyalty": "Thank the customer for the years.",
            "offer_again": "Offer it again.",
            "get_in_touch": "Get in touch and ask how things are.",
            "welcome": "Welcome the customer, and ask what the first purchase was like.",
            "keep_promise": "Keep the promise, and tell the customer.",
            "review_grade": "Review the grade, and tell the customer what it takes.",
            "ask_what_is_missing": "Ask what would make it worth more, and show what is there.",
        },
        channels={
            "phone": "phone", "sms": "text message", "email": "e-mail", "chat": "chat", "app": "app",
            "letter": "letter", "visit": "visit",
        },
        by="{action} May be reached by {channel}.",
        in_person="{action} Not by phone or message, which the customer has not allowed: at the next visit to a store.",
    ),
    "zh": Words(
        sentences={
            "cumulative_spend": "自{reached_on}起，累计消费已达到{amount}。",
            "birthday": "{day}过生日。",
            "birthday_of_contact": "一位关键联系人{day}过生日。",
            "anniversary": "到{day}已成为顾客{years}年。",
            "due_to_rebuy": "上次购买{product}是{last_on}，预计{due_on}前后需要再次购买。",
            "key_customer_silent": "重点客户，自{heard_on}以来没有任何消息。",
            "contact_due": "自{due_on}起应当联系：我们希望每{wanted_days}天联系一次。",
            "welcome": "{first_on}首次购买。",
            "promise_due": "我们的一项承诺应于{due_on}兑现。",
            "grade_about_to_change": "距{next_grade}级还差{difference}：365 天内消费{net_365d}，需达到{boundary}。",
            "grade_reached": "365 天内消费{net_365d}，已达到{next_grade}级的标准{boundary}。",
            "grade_not_covered": "{grade}级要求 365 天内消费{boundary}，目前为{net_365d}，还差{difference}。",
            "no_value_perceived": "{day}的调查显示，顾客认为所得不超过付出：{benefits}对{sacrifices}（满分 5）。",
            "less_than_expected": "{day}的调查显示，各方面均低于顾客的期望，差距最大的是{worst_dimension}。",
        },
        actions={
            "thank_and_offer": "向顾客致谢，并提供相应的优惠。",
            "congratulate": "送上生日祝福。",
            "thank_for_loyalty": "感谢顾客多年的支持。",
            "offer_again": "再次推荐该商品。",
            "get_in_touch": "联系顾客，了解近况。",
            "welcome": "欢迎新顾客，并询问首次购买的感受。",
            "keep_promise": "兑现承诺，并告知顾客。",
            "review_grade": "复核等级，并告知顾客所需条件。",
            "ask_what_is_missing": "询问怎样才更值得，并介绍已有的好处。",
        },
        channels={
            "phone": "电话", "sms": "短信", "email": "电子邮件", "chat": "聊天", "app": "应用", "letter": "信件",
            "visit": "拜访",
        },
        by="{action}可通过{channel}联系。",
        in_person="{action}顾客未同意电话或消息联系：请在下次到店时当面进行。",
    ),
    "ko": Words(
        sentences={
            "cumulative_spend": "{reached_on}에 누적 구매액이 {amount}에 도달했습니다.",
            "birthday": "{day}이 생일입니다.",
            "birthday_of_contact": "주요 담당자 한 분의 생일이 {day}입니다.",
            "anniversary": "{day}이면 거래한 지 {years}년이 됩니다.",
            "due_to_rebuy": "{product}: 마지막 구매일 {last_on}, 재구매 예상일 {due_on}.",
            "key_customer_silent": "주요 고객이며 {heard_on} 이후로 소식이 없습니다.",
            "contact_due": "연락 예정일이 {due_on}이었습니다. 원하는 간격은 {wanted_days}일입니다.",
            "welcome": "{first_on}에 처음 구매했습니다.",
            "promise_due": "우리가 한 약속의 기한이 {due_on}입니다.",
            "grade_about_to_change": "{next_grade} 등급까지 {difference} 부족: 365일간 {net_365d}, 기준 {boundary}.",
            "grade_reached": "365일간 {net_365d} 구매: {next_grade} 등급 기준 {boundary}에 도달했습니다.",
            "grade_not_covered": "{grade} 등급 기준은 365일 {boundary}이며, 현재 {net_365d}로 {difference} 부족합니다.",
            "no_value_perceived": "{day} 설문: 얻는 것이 치르는 것보다 많지 않습니다. {benefits} 대 {sacrifices}(5점).",
            "less_than_expected": "{day} 설문: 모든 항목이 기대에 못 미쳤습니다. 가장 큰 차이: {worst_dimension}.",
        },
        actions={
            "thank_and_offer": "감사 인사와 함께 알맞은 혜택을 제안하세요.",
            "congratulate": "생일 축하 인사를 보내세요.",
            "thank_for_loyalty": "오랜 거래에 감사를 전하세요.",
            "offer_again": "다시 구매하도록 제안하세요.",
            "get_in_touch": "연락하여 안부를 물으세요.",
            "welcome": "환영 인사를 하고 첫 구매가 어땠는지 물으세요.",
            "keep_promise": "약속을 지키고 고객에게 알리세요.",
            "review_grade": "등급을 검토하고 필요한 조건을 고객에게 알리세요.",
            "ask_what_is_missing": "무엇이 더 있어야 하는지 묻고, 이미 있는 이점을 알려 주세요.",
        },
        channels={
            "phone": "전화", "sms": "문자", "email": "이메일", "chat": "채팅", "app": "앱", "letter": "편지",
            "visit": "방문",
        },
        by="{action} 연락 수단: {channel}.",
        in_person="{action} 고객이 전화나 메시지를 허락하지 않았으니 다음 매장 방문 때 하세요.",
    ),
}  # fmt: skip

# Of the evidence what is a day, and what is money.
_DAYS = frozenset({"day", "due_on", "first_on", "heard_on", "last_on", "reached_on"})
_MONEY = frozenset({"amount", "net_365d", "boundary", "difference"})
# Sentences of what a kind has several of.
VARIANTS = frozenset({"birthday_of_contact", "grade_reached", "grade_not_covered", "less_than_expected"})


def sentence(kind: Kind, evidence: Mapping[str, Any], currency: str, language: Language) -> str:
    """The sentence of an opportunity from its evidence; amounts are in minor units of `currency`."""
    told = dict(evidence)
    for amount in _MONEY & told.keys():
        told[amount] = warnings.money(abs(told[amount]) if amount == "difference" else told[amount], currency)
    if "name" in told:
        told["product"] = f"{told['name']} ({told['product']})"
    for day in _DAYS & told.keys():
        told[day] = warnings.WORDS[language].date(date.fromisoformat(told[day]))
    found = WORDS[language].sentences[_which(kind, evidence)].format(**told).strip()
    return found.replace(" 1 years ", " 1 year ").replace("every 1 days", "every day")


def _which(kind: Kind, evidence: Mapping[str, Any]) -> str:
    if "contact_id" in evidence:
        return "birthday_of_contact"
    if evidence.get("direction") == "down":
        return "grade_not_covered"
    if kind == "grade_about_to_change" and evidence["difference"] >= 0:
        return "grade_reached"
    return "less_than_expected" if evidence.get("basis") == "dimensions" else kind


def suggestion(action: Action, channel: str | None, language: Language) -> str:
    """What is suggested: by a channel that the customer allows, or in person where there is none."""
    words = WORDS[language]
    said = words.actions[action]
    if channel is None:
        return words.in_person.format(action=said)
    return words.by.format(action=said, channel=words.channels[channel])
