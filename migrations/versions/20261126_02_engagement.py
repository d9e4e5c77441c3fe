"""Engagement: contacts, complaints, promises, surveys, suggestions, needs, losses, care, and the tasks they make."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

revision = "20261126_02_engagement"
down_revision = "20261126_01_record"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
TEXTS = ARRAY(sa.Text)
TABLES = (
    "interactions", "complaints", "promises", "surveys", "survey_answers", "suggestions", "needs", "losses", "care",
    "engagement_steps", "tasks", "follow_up_rules", "follow_up_state",
)  # fmt: skip


def upgrade() -> None:
    interactions()
    complaints()
    promises()
    surveys()
    wishes()
    losses_and_care()
    tasks()
    rules()


def of_customer(table: str) -> tuple[Any, ...]:
    """The first columns, key and customer of every record."""
    return (
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("recorded_by", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("occurred_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("occurred_on", sa.Date, nullable=False),
        sa.Column("by", sa.Text),
        sa.PrimaryKeyConstraint("customer_id", "id", name=f"pk_{table}"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name=f"fk_{table}_customer_id_customers"),
    )


def list_index(table: str) -> None:
    """The order of a customer's list."""
    op.create_index(f"ix_{table}_customer_id_occurred_at", table, ["customer_id", "occurred_at", "id"])


def interactions() -> None:
    op.create_table(
        "interactions",
        *of_customer("interactions"),
        sa.Column("follow_up_at", MOMENT),
        sa.Column("channel", sa.Text, nullable=False),
        sa.Column("direction", sa.Text, nullable=False),
        sa.Column("topic", sa.Text),
        sa.Column("note", sa.Text),
        sa.Column("task_at", MOMENT),
        sa.CheckConstraint(
            "channel IN ('phone', 'visit', 'store', 'email', 'sms', 'chat', 'app', 'letter', 'event', 'other')",
            name=op.f("ck_interactions_channel"),
        ),
        sa.CheckConstraint("direction IN ('inbound', 'outbound')", name=op.f("ck_interactions_direction")),
    )
    op.create_index(
        "ix_interactions_task_at", "interactions", ["task_at"], postgresql_where=sa.text("task_at IS NOT NULL")
    )
    list_index("interactions")


def complaints() -> None:
    op.create_table(
        "complaints",
        *of_customer("complaints"),
        sa.Column("receipt_id", sa.Uuid),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("compensation_cost", sa.BigInteger),
        sa.Column("satisfied_after", sa.Boolean),
        sa.Column("reopened", sa.SmallInteger, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("severity", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("customer_did", TEXTS, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("store", sa.Text),
        sa.Column("product", sa.Text),
        sa.Column("outcome", sa.Text),
        sa.Column("outcome_note", sa.Text),
        sa.Column("then_did", TEXTS),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_by", sa.Uuid),
        sa.Column("task_at", MOMENT),
        sa.ForeignKeyConstraint(["store"], ["stores.code"], name="fk_complaints_store_stores"),
        sa.CheckConstraint(
            "about IN ('product', 'service', 'price', 'delivery', 'billing', 'support')",
            name=op.f("ck_complaints_about"),
        ),
        sa.CheckConstraint(
            "channel IN ('phone', 'visit', 'store', 'email', 'sms', 'chat', 'app', 'letter', 'event', 'other')",
            name=op.f("ck_complaints_channel"),
        ),
        sa.CheckConstraint(
            "(status IN ('open', 'in_progress')) = (closed_at IS NULL)", name=op.f("ck_complaints_closed")
        ),
        sa.CheckConstraint("compensation_cost >= 0", name=op.f("ck_complaints_compensation_cost")),
        sa.CheckConstraint(
            "customer_did <@ ARRAY['told_us', 'asked_compensation', 'legal_step', 'warned_others',"
            " 'stopped', 'kept_silent']",
            name=op.f("ck_complaints_customer_did"),
        ),
        sa.CheckConstraint(
            "outcome IN ('solved', 'replaced', 'refunded', 'compensated', 'explained', 'rejected',"
            " 'withdrawn', 'other')",
            name=op.f("ck_complaints_outcome"),
        ),
        sa.CheckConstraint("(status = 'resolved') = (outcome IS NOT NULL)", name=op.f("ck_complaints_resolved")),
        sa.CheckConstraint(
            "severity IN ('minor', 'moderate', 'serious', 'critical')", name=op.f("ck_complaints_severity")
        ),
        sa.CheckConstraint("status IN ('open', 'in_progress', 'resolved')", name=op.f("ck_complaints_status")),
        sa.CheckConstraint(
            "then_did <@ ARRAY['bought_again', 'told_others', 'nothing']", name=op.f("ck_complaints_then_did")
        ),
    )
    op.create_index(
        "ix_complaints_closed_at", "complaints", ["closed_at"], postgresql_where=sa.text("closed_at IS NOT NULL")
    )
    op.create_index("ix_complaints_id", "complaints", ["id"])
    op.create_index(
        "ix_complaints_live", "complaints", ["due_at", "id"], postgresql_where=sa.text("status <> 'resolved'")
    )
    op.create_index("ix_complaints_task_at", "complaints", ["task_at"], postgresql_where=sa.text("task_at IS NOT NULL"))
    list_index("complaints")


def promises() -> None:
    op.create_table(
        "promises",
        *of_customer("promises"),
        sa.Column("complaint_id", sa.Uuid),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("promise", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_by", sa.Uuid),
        sa.Column("task_at", MOMENT),
        sa.ForeignKeyConstraint(
            ["customer_id", "complaint_id"],
            ["complaints.customer_id", "complaints.id"],
            name="fk_promises_customer_id_complaint_id_complaints",
        ),
        sa.CheckConstraint("(state IN ('open')) = (closed_at IS NULL)", name=op.f("ck_promises_closed")),
        sa.CheckConstraint("state IN ('open', 'kept', 'broken')", name=op.f("ck_promises_state")),
    )
    op.create_index("ix_promises_customer_id_complaint_id", "promises", ["customer_id", "complaint_id"])
    op.create_index("ix_promises_id", "promises", ["id"])
    op.create_index("ix_promises_live", "promises", ["due_at", "id"], postgresql_where=sa.text("state = 'open'"))
    op.create_index("ix_promises_task_at", "promises", ["task_at"], postgresql_where=sa.text("task_at IS NOT NULL"))
    list_index("promises")


def surveys() -> None:
    op.create_table(
        "surveys",
        *of_customer("surveys"),
        sa.Column("recommend", sa.SmallInteger),
        sa.Column("repurchase_intention", sa.SmallInteger),
        sa.Column("willingness_to_pay", sa.SmallInteger),
        sa.Column("promotion_liking", sa.SmallInteger),
        sa.Column("reward_liking", sa.SmallInteger),
        sa.Column("survey", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("product", sa.Text),
        sa.Column("alternative", sa.Text),
        sa.Column("then_did", TEXTS),
        sa.Column("comment", sa.Text),
        sa.CheckConstraint(
            "channel IN ('phone', 'visit', 'store', 'email', 'sms', 'chat', 'app', 'letter', 'event', 'other')",
            name=op.f("ck_surveys_channel"),
        ),
        sa.CheckConstraint("recommend BETWEEN 0 AND 10", name=op.f("ck_surveys_recommend")),
        sa.CheckConstraint(
            "repurchase_intention BETWEEN 1 AND 5 AND willingness_to_pay BETWEEN 1 AND 5 AND"
            " promotion_liking BETWEEN 1 AND 5 AND reward_liking BETWEEN 1 AND 5",
            name=op.f("ck_surveys_scale"),
        ),
        sa.CheckConstraint(
            "then_did <@ ARRAY['bought_again', 'told_others', 'nothing']", name=op.f("ck_surveys_then_did")
        ),
    )
    list_index("surveys")
    op.create_table(
        "survey_answers",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("survey_id", sa.Uuid, nullable=False),
        sa.Column("score", sa.SmallInteger),
        sa.Column("expected", sa.SmallInteger),
        sa.Column("alternative", sa.SmallInteger),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("share", sa.Numeric),
        sa.PrimaryKeyConstraint("customer_id", "survey_id", "kind", "name", name="pk_survey_answers"),
        sa.ForeignKeyConstraint(
            ["customer_id", "survey_id"],
            ["surveys.customer_id", "surveys.id"],
            name="fk_survey_answers_customer_id_survey_id_surveys",
        ),
        sa.CheckConstraint(
            "(kind = 'share') = (share IS NOT NULL) AND (kind = 'share') = (score IS NULL)",
            name=op.f("ck_survey_answers_answer"),
        ),
        sa.CheckConstraint(
            "kind IN ('dimension', 'benefit', 'sacrifice', 'share')", name=op.f("ck_survey_answers_kind")
        ),
        sa.CheckConstraint(
            "score BETWEEN 1 AND 5 AND expected BETWEEN 1 AND 5 AND alternative BETWEEN 1 AND 5",
            name=op.f("ck_survey_answers_scale"),
        ),
        sa.CheckConstraint("share >= 0 AND share <= 1", name=op.f("ck_survey_answers_share")),
    )


def wishes() -> None:
    op.create_table(
        "suggestions",
        *of_customer("suggestions"),
        sa.Column("informed_at", MOMENT),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("suggestion", sa.Text, nullable=False),
        sa.Column("outcome_note", sa.Text),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_by", sa.Uuid),
        sa.CheckConstraint(
            "about IN ('product', 'service', 'price', 'delivery', 'billing', 'support', 'other')",
            name=op.f("ck_suggestions_about"),
        ),
        sa.CheckConstraint(
            "channel IN ('phone', 'visit', 'store', 'email', 'sms', 'chat', 'app', 'letter', 'event', 'other')",
            name=op.f("ck_suggestions_channel"),
        ),
        sa.CheckConstraint("(status IN ('open')) = (closed_at IS NULL)", name=op.f("ck_suggestions_closed")),
        sa.CheckConstraint("status IN ('open', 'accepted', 'declined', 'done')", name=op.f("ck_suggestions_status")),
    )
    list_index("suggestions")
    op.create_table(
        "needs",
        *of_customer("needs"),
        sa.Column("budget", sa.BigInteger),
        sa.Column("met", sa.Boolean, nullable=False),
        sa.Column("category", sa.Text, nullable=False),
        sa.Column("stage", sa.Text, nullable=False),
        sa.Column("stated_by", sa.Text, nullable=False),
        sa.Column("means", sa.Text),
        sa.Column("need", sa.Text, nullable=False),
        sa.Column("desire", sa.Text),
        sa.Column("note", sa.Text),
        sa.CheckConstraint("budget >= 0", name=op.f("ck_needs_budget")),
        sa.CheckConstraint("means IN ('lacking', 'limited', 'ample')", name=op.f("ck_needs_means")),
        sa.CheckConstraint(
            "stage IN ('aware', 'searching', 'comparing', 'deciding', 'bought', 'after_purchase')",
            name=op.f("ck_needs_stage"),
        ),
        sa.CheckConstraint("stated_by IN ('customer', 'staff', 'derived')", name=op.f("ck_needs_stated_by")),
    )
    list_index("needs")


def losses_and_care() -> None:
    op.create_table(
        "losses",
        *of_customer("losses"),
        sa.Column("won_back_on", sa.Date),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("stated_by", sa.Text, nullable=False),
        sa.Column("lost_to", sa.Text),
        sa.Column("category", sa.Text),
        sa.Column("note", sa.Text),
        sa.CheckConstraint(
            "reason IN ('price', 'product', 'service', 'delivery', 'complaint', 'competitor',"
            " 'relationship', 'no_need', 'moved', 'unknown', 'other')",
            name=op.f("ck_losses_reason"),
        ),
        sa.CheckConstraint("stated_by IN ('customer', 'staff', 'derived')", name=op.f("ck_losses_stated_by")),
    )
    list_index("losses")
    op.create_table(
        "care",
        *of_customer("care"),
        sa.Column("planned_cost", sa.BigInteger),
        sa.Column("cost", sa.BigInteger),
        sa.Column("planned_for", sa.Date, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("occasion", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("channel", sa.Text),
        sa.Column("owner", sa.Text),
        sa.Column("what", sa.Text, nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_by", sa.Uuid),
        sa.Column("task_at", MOMENT),
        sa.CheckConstraint(
            "channel IN ('phone', 'visit', 'store', 'email', 'sms', 'chat', 'app', 'letter', 'event', 'other')",
            name=op.f("ck_care_channel"),
        ),
        sa.CheckConstraint("(status IN ('planned')) = (closed_at IS NULL)", name=op.f("ck_care_closed")),
        sa.CheckConstraint("planned_cost >= 0 AND cost >= 0", name=op.f("ck_care_cost")),
        sa.CheckConstraint("kind IN ('gift', 'greeting')", name=op.f("ck_care_kind")),
        sa.CheckConstraint(
            "occasion IN ('birthday', 'anniversary', 'festival', 'welcome', 'thanks', 'apology', 'other')",
            name=op.f("ck_care_occasion"),
        ),
        sa.CheckConstraint("status IN ('planned', 'done', 'cancelled')", name=op.f("ck_care_status")),
    )
    op.create_index("ix_care_task_at", "care", ["task_at"], postgresql_where=sa.text("task_at IS NOT NULL"))
    list_index("care")


def tasks() -> None:
    op.create_table(
        "engagement_steps",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("record_id", sa.Uuid, nullable=False),
        sa.Column("actor", sa.Uuid, nullable=False),
        sa.Column("at", MOMENT, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("details", JSONB, nullable=False),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_engagement_steps"),
    )
    op.create_index("ix_engagement_steps_record", "engagement_steps", ["customer_id", "record_id", "version"])
    op.create_table(
        "tasks",
        sa.Column("customer_id", sa.Uuid, nullable=False),
        sa.Column("id", sa.Uuid, nullable=False),
        sa.Column("source_id", sa.Uuid, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("due_at", MOMENT, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("rule", sa.Text),
        sa.Column("occasion", sa.Text, nullable=False),
        sa.Column("title", sa.Text),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("owner", sa.Text),
        sa.Column("store", sa.Text),
        sa.Column("closed_at", MOMENT),
        sa.Column("closed_by", sa.Uuid),
        sa.PrimaryKeyConstraint("customer_id", "id", name="pk_tasks"),
        sa.ForeignKeyConstraint(["customer_id"], ["customers.id"], name="fk_tasks_customer_id_customers"),
        sa.CheckConstraint("(status IN ('open')) = (closed_at IS NULL)", name=op.f("ck_tasks_closed")),
        sa.CheckConstraint(
            "reason IN ('rule', 'complaint', 'promise', 'care', 'interaction')", name=op.f("ck_tasks_reason")
        ),
        sa.CheckConstraint("status IN ('open', 'done', 'cancelled')", name=op.f("ck_tasks_status")),
    )
    op.create_index("ix_tasks_id", "tasks", ["id"])
    op.create_index("ix_tasks_live", "tasks", ["due_at", "id"], postgresql_where=sa.text("status = 'open'"))
    op.create_index(
        "uq_tasks_customer_id_source_id_reason_occasion",
        "tasks",
        ["customer_id", "source_id", "reason", "occasion"],
        unique=True,
    )


def rules() -> None:
    op.create_table(
        "follow_up_rules",
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("created_at", MOMENT, nullable=False),
        sa.Column("updated_at", MOMENT, nullable=False),
        sa.Column("enabled", sa.Boolean, nullable=False),
        sa.Column("days", sa.Integer, nullable=False),
        sa.Column("trigger", sa.Text, nullable=False),
        sa.Column("assignee", sa.Text, nullable=False),
        sa.Column("category", sa.Text),
        sa.Column("title", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("code", name="pk_follow_up_rules"),
        sa.CheckConstraint("assignee IN ('account_manager', 'store')", name=op.f("ck_follow_up_rules_assignee")),
        sa.CheckConstraint("category IS NULL OR trigger = 'receipt'", name=op.f("ck_follow_up_rules_category")),
        sa.CheckConstraint("days BETWEEN 0 AND 3650", name=op.f("ck_follow_up_rules_days")),
        sa.CheckConstraint(
            "trigger IN ('receipt', 'complaint_resolved', 'new_customer')", name=op.f("ck_follow_up_rules_trigger")
        ),
    )
    op.create_table(
        "follow_up_state",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_follow_up_state"),
        sa.CheckConstraint("id = 1", name=op.f("ck_follow_up_state_one_row")),
    )


def downgrade() -> None:
    for table in reversed(TABLES):
        op.drop_table(table)
