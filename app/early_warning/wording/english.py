"""Warnings in English. Pure."""

from app.early_warning.wording.words import Words

_CHANCE = "the chance of a purchase within {horizon} is {chance}"
_SILENT = "Usually back within {usual}, now {silent}"
_OVERDUE = "{overdue} should have been paid by {since}, {ago} ago."
_OVER = "Owes {balance}, {above} above the limit."
_BEHIND = "{period}: {actual} of {planned} bought; at this rate {forecast}, {below} below the plan."

WORDS = Words(
    sentences={
        "near_limit": "Owes {balance}, {share} % of the limit.",
        "over_limit": _OVER,
        "far_over_limit": _OVER,
        **dict.fromkeys(("overdue", "overdue_31", "overdue_61", "overdue_91"), _OVERDUE),
        "late": f"{_SILENT}.",
        "at_risk": f"{_SILENT}: {_CHANCE}.",
        "lost": f"{_SILENT}: probably gone, {_CHANCE}.",
        "behind": _BEHIND,
        "far_behind": _BEHIND,
        "forecast_above_budget": "{period}: {spent} of a budget of {planned} spent; at this rate {forecast}.",
        "above_budget": "{period}: {spent} spent, {above} above the budget of {planned}.",
        "share_climbing": "Cost {spent} in the last {days}, {share} of net sales; usual is {usual}.",
        "costs_climbing": "Costs climb month by month, last in {month}: {first}, {second}, {third}.",
    },
    without_sales="Cost {spent} in the last {days}, without net sales; usual is {usual} of them.",
    steps={
        "near_limit": "Ask for a payment before the next order on account.",
        "over_limit": "Call today: agree on a payment, or have the limit reviewed.",
        "far_over_limit": "Sell nothing more on account; get a promise to pay with an amount and a date.",
        "overdue": "Send a reminder with the open invoices.",
        "overdue_31": "Call whoever pays the bills: what is in the way, and on which day will it be paid?",
        "overdue_61": "Visit; get a written promise to pay, and deliver against cash until it is kept.",
        "overdue_91": "Decide with finance: stop deliveries, collect, or write off.",
        "late": "Write or call with a reason to come, such as what is new of what they buy.",
        "at_risk": "Have the account manager call: ask what has changed, and note the reason.",
        "lost": "Ask once why they left and to whom they went; make one offer to come back.",
        "behind": "See which products are missing against the last period, and call with a proposal for an order.",
        "far_behind": "Visit this week: find the cause, agree on how to catch up, or correct the plan.",
        "forecast_above_budget": "Go through what is still to be spent in this period, and put off what can wait.",
        "above_budget": "Spend nothing more without approval; raise the budget, or note why it was passed.",
        "share_climbing": "Set what was spent against what it sold, and end what brought nothing.",
        "costs_climbing": "Find the kind of expense that grows, and agree on a ceiling for this month.",
    },
    holds={
        "behind": "Purchases are behind the plan: nothing is sold until somebody releases it.",
        "far_behind": "Purchases are far behind the plan: nothing is sold until somebody releases it.",
        "forecast_above_budget": "Expenses are going to pass the budget: nothing is sold until somebody releases it.",
        "above_budget": "Expenses are above the budget: nothing is sold until somebody releases it.",
        "share_climbing": "Expenses climb against net sales: nothing is sold until somebody releases it.",
        "costs_climbing": "Expenses climb month by month: nothing is sold until somebody releases it.",
    },
    suspended="Nothing more is sold on account.",
    no_account="The customer has no account.",
    too_much="It is more than is left of the limit.",
    more_than_left="{amount} is more than is left of the limit, {left}.",
    small="below 1 %",
    days=lambda count: "1 day" if count == 1 else f"{count:,} days",
    date=lambda day: day.isoformat(),
    period=str,
)
