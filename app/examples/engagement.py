"""Bodies for what we and a customer have to do with each other beside buying, and for tasks."""

from typing import Any

_WHEN = {"occurred_at": "2026-11-20T12:30:00+08:00", "by": "emp-3"}
_OF = "/v1/customers/{customer_id}"

_MADE: dict[str, Any] = {
    f"POST {_OF}/interactions": {
        **_WHEN, "channel": "phone", "direction": "outbound", "reached": True, "topic": "delivery",
        "note": "Wants it on Friday afternoon", "follow_up_at": "2026-11-27T09:00:00+08:00",
    },
    f"POST {_OF}/complaints": {
        **_WHEN, "about": "delivery", "severity": "serious", "subject": "The lid arrived cracked",
        "customer_did": ["told_us", "asked_compensation"], "channel": "phone", "owner": "emp-4", "store": "S01",
        "product": "TEA-1", "note": "Sent a photograph",
    },
    f"POST {_OF}/promises": {
        **_WHEN, "promise": "A new lid by Friday", "due_at": "2026-11-27T18:00:00+08:00", "owner": "emp-4",
        "note": "Free of charge",
    },
    f"POST {_OF}/surveys": {
        **_WHEN, "survey": "autumn-2026", "channel": "app", "product": "TEA-1", "alternative": "The shop at the corner",
        "recommend": 9, "repurchase_intention": 5, "willingness_to_pay": 3, "promotion_liking": 2, "reward_liking": 4,
        "then_did": ["bought_again"], "comment": "Better than last year",
        "dimensions": [{"dimension": "delivery", "expected": 4, "perceived": 5}],
        "benefits": [{"benefit": "quality", "score": 5, "alternative": 3}],
        "sacrifices": [{"sacrifice": "price", "score": 2, "alternative": 4}],
        "shares": [{"category": "food/tea", "share": "0.35"}],
    },
    f"POST {_OF}/suggestions": {
        **_WHEN, "suggestion": "Open on Sundays before the spring festival", "about": "service", "channel": "store",
        "owner": "emp-4",
    },
    f"POST {_OF}/needs": {
        **_WHEN, "category": "food/tea", "need": "Tea for guests of the house", "stage": "comparing", "met": False,
        "stated_by": "customer", "desire": "This spring's harvest", "means": "ample", "budget": 50000,
        "note": "Wants it by May",
    },
    f"POST {_OF}/losses": {
        **_WHEN, "reason": "price", "stated_by": "customer", "lost_to": "The shop at the corner",
        "category": "food/tea", "note": "Said so at the till",
    },
    f"POST {_OF}/care": {
        **_WHEN, "kind": "gift", "occasion": "birthday", "what": "A tin of tea", "planned_for": "2026-12-01",
        "planned_cost": 3000, "channel": "visit", "owner": "emp-4", "note": "Not green tea",
    },
    f"POST {_OF}/development-plans": {
        **_WHEN, "goal": "Our tea in all four of their shops by summer", "review_on": "2027-01-15", "owner": "emp-4",
        "steps": [
            {"what": "Tasting for their buyers", "who": "emp-4", "due_on": "2026-12-10"},
            {"what": "Offer for the two new shops", "who": "emp-7", "due_on": "2027-01-10"},
        ],
        "note": "Their managing director knows of it",
    },
}  # fmt: skip

_CHANGED: dict[str, Any] = {
    f"PATCH {_OF}/interactions/{{interaction_id}}": {"note": "Wants it on Saturday", "follow_up_at": None},
    f"PATCH {_OF}/complaints/{{complaint_id}}": {"severity": "critical", "owner": "emp-5"},
    f"PATCH {_OF}/promises/{{promise_id}}": {"due_at": "2026-11-28T18:00:00+08:00", "note": "Agreed with him"},
    f"PATCH {_OF}/suggestions/{{suggestion_id}}": {
        "outcome_note": "We try it in January", "informed_at": "2026-11-20T15:00:00+08:00",
    },
    f"PATCH {_OF}/needs/{{need_id}}": {"stage": "bought", "met": True},
    f"PATCH {_OF}/losses/{{loss_id}}": {"won_back_on": "2026-11-25", "note": "Came back for the new harvest"},
    f"PATCH {_OF}/care/{{care_id}}": {"what": "A set of cups", "planned_cost": 4500},
    f"PATCH {_OF}/development-plans/{{development_plan_id}}": {
        "steps": [{"what": "Tasting for their buyers", "who": "emp-4", "done_on": "2026-12-09"}],
        "review_on": "2027-02-01",
    },
}  # fmt: skip

_DONE: dict[str, Any] = {
    f"POST {_OF}/complaints/{{complaint_id}}/start": {"owner": "emp-4", "note": "Asks the carrier today"},
    f"POST {_OF}/complaints/{{complaint_id}}/resolve": {
        "outcome": "replaced", "outcome_note": "A new lid, sent on Friday", "compensation_cost": 1500,
        "satisfied_after": True, "then_did": ["bought_again"],
    },
    f"POST {_OF}/complaints/{{complaint_id}}/reopen": {
        "due_at": "2026-12-01T09:00:00+08:00", "owner": "emp-4", "note": "The new one cracked as well",
    },
    f"POST {_OF}/promises/{{promise_id}}/keep": {"note": "Delivered on time"},
    f"POST {_OF}/promises/{{promise_id}}/break": {"note": "Out of stock until Monday"},
    f"POST {_OF}/suggestions/{{suggestion_id}}/accept": {"outcome_note": "From January on", "owner": "emp-4"},
    f"POST {_OF}/suggestions/{{suggestion_id}}/decline": {"outcome_note": "The street is closed on Sundays"},
    f"POST {_OF}/suggestions/{{suggestion_id}}/complete": {"outcome_note": "We are open on Sundays now"},
    f"POST {_OF}/care/{{care_id}}/complete": {"cost": 2800, "note": "Was glad of it"},
    f"POST {_OF}/care/{{care_id}}/cancel": {"note": "Has moved away"},
    f"POST {_OF}/development-plans/{{development_plan_id}}/complete": {"note": "The fourth shop has it since May"},
    f"POST {_OF}/development-plans/{{development_plan_id}}/abandon": {"note": "Two of the shops were closed"},
    f"POST {_OF}/development-plans/{{development_plan_id}}/reopen": {"note": "They open a fifth one"},
}  # fmt: skip

_TASKS: dict[str, Any] = {
    "POST /v1/tasks/{task_id}/assign": {"owner": "emp-9", "due_at": "2026-12-01T09:00:00+08:00", "note": "Please call"},
    "POST /v1/tasks/{task_id}/complete": {"note": "Called, all is well"},
    "POST /v1/tasks/{task_id}/cancel": {"note": "No longer needed"},
    "PUT /v1/follow-up-rules": {
        "rules": [
            {
                "code": "after-tea", "title": "Ask how the tea was", "trigger": "receipt", "category": "food/tea",
                "days": 14, "assignee": "store",
            },
        ]
    },
}  # fmt: skip

BODIES = {**_MADE, **_CHANGED, **_DONE, **_TASKS}
